import { ownerOf } from '../../pipeline/catalog/installation.ts';
import type { NamedBackups } from '../../pipeline/retention/decide.ts';
import { type PlannedBackup, planPrune } from '../../pipeline/retention/plan.ts';
import { type Place, placesOf } from '../../shared/config/places.ts';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { OperationsContext } from './context.ts';
import type { PreviewDocument } from './documents.ts';

/** Looks at every storage of the databases, or at the given one of each. One that cannot be read does not hide the others. */
export async function previewPlaces(
  context: OperationsContext,
  options: {
    databases: readonly DatabaseConfig[];
    storage?: string | undefined;
    allSources: boolean;
    named: NamedBackups;
    signal: AbortSignal;
  },
): Promise<{ previews: readonly PreviewDocument[]; failures: readonly BackupDataError[] }> {
  const previews: PreviewDocument[] = [];
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
  context: OperationsContext,
  options: {
    database: DatabaseConfig;
    place: Place;
    allSources: boolean;
    named: NamedBackups;
    signal: AbortSignal;
  },
): Promise<PreviewDocument> {
  const { database, place, allSources, named, signal } = options;
  const { config, resources } = context.current();
  const { clock } = context;
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
    decisions: decisions.map(documentOf),
    note: place.retention ? null : 'no retention is configured, so every backup is kept',
  };
}

function documentOf({
  backupId,
  at,
  bytes,
  decision,
  reasons,
}: PlannedBackup): PreviewDocument['decisions'][number] {
  return { backupId, at: at.toISOString(), bytes, decision, reasons: [...reasons] };
}
