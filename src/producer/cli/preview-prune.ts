import { ownerOf } from '../../pipeline/catalog/installation.ts';
import type { NamedBackups } from '../../pipeline/retention/decide.ts';
import { type PlannedBackup, planPrune } from '../../pipeline/retention/plan.ts';
import { type Place, placesOf } from '../../shared/config/places.ts';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { CliContext } from './context.ts';

/** What a prune would do to the backups of one database in one storage. */
export interface PrunePreview {
  database: string;
  storage: string;
  /** Newest first; none where this installation retires nothing. */
  decisions: readonly PlannedBackup[];
  /** Why nothing is retired there, whatever the backups are; null where the retention decides. */
  note: string | null;
}

/** Looks at every storage of the databases, or at the given one of each. One that cannot be read does not hide the others. */
export async function previewPrune(
  context: CliContext,
  options: {
    databases: readonly DatabaseConfig[];
    storage: string | undefined;
    allSources: boolean;
    named: NamedBackups;
  },
): Promise<{ previews: readonly PrunePreview[]; failures: readonly BackupDataError[] }> {
  const previews: PrunePreview[] = [];
  const failures: BackupDataError[] = [];
  for (const database of options.databases) {
    for (const place of placesIn(database, options.storage)) {
      try {
        previews.push(await previewPlace(context, { ...options, database, place }));
      } catch (error) {
        if (!(error instanceof BackupDataError)) throw error;
        failures.push(error);
      }
    }
  }
  return { previews, failures };
}

/** Every storage of a database, or only the given one. */
export function placesIn(database: DatabaseConfig, storage: string | undefined): Place[] {
  return placesOf(database).filter((place) => storage === undefined || place.storage === storage);
}

async function previewPlace(
  context: CliContext,
  options: {
    database: DatabaseConfig;
    place: Place;
    allSources: boolean;
    named: NamedBackups;
  },
): Promise<PrunePreview> {
  const { database, place, allSources, named } = options;
  const [config, resources] = [await context.config(), await context.resources()];
  const { signal, clock } = context;
  const storage = await resources.storage(place.storage);
  const about = { database: database.name, storage: place.storage };
  const shared = resources.isShared(place.storage);
  const owner = await ownerOf({ storage, installation: config.installation, shared, signal });
  if (owner === 'another installation')
    return {
      ...about,
      decisions: [],
      note: 'the storage belongs to another installation, which alone retires there',
    };
  if (owner === 'nobody') return { ...about, decisions: [], note: 'nothing was stored there yet' };
  const decisions = await planPrune({
    database: { ...database, retention: place.retention },
    storage,
    home: place.home === undefined ? undefined : await resources.storage(place.home),
    allSources,
    named: async () => named,
    clock,
    signal,
  });
  return {
    ...about,
    decisions,
    note: place.retention ? null : 'no retention is configured, so every backup is kept',
  };
}
