import { listEntries } from '../../pipeline/catalog/catalog.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { formatDuration } from '../../shared/config/units.ts';
import type { AgePolicy } from '../freshness/max-age.ts';
import { readNewest } from '../freshness/read-newest.ts';
import { type Finding, warning } from './finding.ts';

/** A warning for a database that is stale, as its catalog tells; nothing where all is well, or where there is no limit. */
export async function checkFreshness(options: {
  database: DatabaseConfig;
  resources: Pick<Resources, 'storage'>;
  /** Milliseconds; null where there is no limit. One for all databases: it remembers what takes long to find. */
  maxAgeOf: (policy: AgePolicy) => number | null;
  clock: () => Date;
  signal: AbortSignal;
}): Promise<readonly Finding[]> {
  const { database, resources, maxAgeOf, clock, signal } = options;
  const { name } = database;
  const maxAge = maxAgeOf(database);
  if (maxAge === null) return [];
  const storage = await resources.storage(database.storage);
  const entries = await listEntries({ storage, database: name, signal });
  const now = clock();
  const { newest } = await readNewest({ storage, entries, known: null, now, signal });
  const age = newest && now.getTime() - newest.snapshotAt.getTime();
  if (age !== null && age <= maxAge) return [];
  const detail =
    age === null
      ? 'there is none'
      : `the newest is ${formatDuration(age)} old, and maxAge is ${formatDuration(maxAge)}`;
  return [
    warning(
      `freshness of ${name}`,
      detail,
      `\`backupdata backup ${name}\` makes one now; \`backupdata jobs list\` shows what became of the runs.`,
    ),
  ];
}
