import type { DatabaseFreshness, Freshness, NewestBackup } from '../../src/producer/freshness/freshness.ts';

/** What the catalog tells of a database that is backed up and proven; `changes` make the case. */
export function sampleFreshness({
  newest,
  ...changes
}: Partial<Omit<DatabaseFreshness, 'newest'>> & {
  newest?: Partial<NewestBackup> | null;
} = {}): DatabaseFreshness {
  const database = changes.database ?? 'shop';
  return {
    database,
    entry: database,
    readAt: new Date('2026-01-02T04:00:00Z'),
    newest:
      newest === null
        ? null
        : {
            backupId: `${database}-20260102T030405Z-abc234`,
            snapshotAt: new Date('2026-01-02T03:04:05Z'),
            finishedAt: new Date('2026-01-02T03:04:15Z'),
            duration: 12_500,
            bytes: 1_000,
            usualBytes: 900,
            ...newest,
          },
    stale: false,
    maxAge: null,
    proven: { at: new Date('2026-01-02T03:05:00Z'), level: 'decode', outcome: 'ok', seconds: 1 },
    verificationFailed: false,
    ...changes,
  };
}

/** The contract's answers, given as they are. */
export function sampleCatalogs(
  databases: readonly DatabaseFreshness[],
  storages: Record<string, string | null> = {},
): Pick<Freshness, 'databases' | 'get' | 'storages'> {
  return {
    databases: () => databases,
    get: (name) => databases.find(({ database }) => database === name),
    storages: () => new Map(Object.entries(storages)),
  };
}
