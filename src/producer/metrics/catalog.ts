import type { Registry } from 'prom-client';
import type { Current } from '../current.ts';
import type { Freshness } from '../freshness/freshness.ts';
import { createDatabaseLabels, gaugeAtScrape, shared } from './at-scrape.ts';
import { type EntryState, entryStates } from './entries.ts';

interface CatalogGauge {
  name: string;
  help: string;
  /** Null for no series. */
  value(state: EntryState): number | null;
}

const gauges: readonly CatalogGauge[] = [
  {
    name: 'backup_last_success_timestamp_seconds',
    help: 'Unix time of which the data in the newest backup is (its snapshot, not its end); 0 where there is no backup; of a server, of its stalest database.',
    value: ({ lastSuccess }) => lastSuccess,
  },
  {
    name: 'backup_max_age_seconds',
    help: 'How old the newest backup may be; none where there is no limit.',
    value: ({ maxAge }) => maxAge,
  },
  {
    name: 'backup_stale',
    help: 'Whether the newest backup is older than it may be (1), or not (0); of a server, whether that of any of its databases is.',
    value: ({ stale }) => Number(stale),
  },
  {
    name: 'backup_last_size_bytes',
    help: 'Stored bytes of the newest backup; of a server, of those of all of its databases.',
    value: ({ bytes }) => bytes,
  },
  {
    name: 'backup_last_duration_seconds',
    help: 'What the newest backup took, from the start of the attempt that committed to its commit; of a server, the longest.',
    value: ({ duration }) => duration,
  },
  {
    name: 'backup_size_anomaly',
    help: 'Whether the newest backup is so much larger or smaller than usual as sizeAnomaly says (1), or not (0); none where that is off.',
    value: ({ sizeAnomaly }) => (sizeAnomaly === null ? null : Number(sizeAnomaly)),
  },
  {
    name: 'backup_verification_last_success_timestamp_seconds',
    help: 'Unix time at which a backup was proven the last time; 0 where none was; of a server, of the database whose proof is oldest.',
    value: ({ proven }) => proven,
  },
  {
    name: 'backup_verification_failed',
    help: 'Whether the last verification of the newest backup failed and nothing proved it since (1), or not (0).',
    value: ({ verificationFailed }) => Number(verificationFailed),
  },
];

/** What the catalogs tell, of each entry of the configuration. It outlives a restart, and the loss of Redis. */
export function addCatalogGauges(options: {
  registry: Registry;
  current: Current;
  freshness: Pick<Freshness, 'databases' | 'storages'>;
}): void {
  const { registry, current, freshness } = options;
  const labelsOf = createDatabaseLabels();
  const look = shared(async () => {
    const { config } = current();
    return entryStates(freshness, config).map((state) => ({
      state,
      labels: labelsOf(config, state.database),
    }));
  });
  for (const { value, ...described } of gauges)
    gaugeAtScrape(registry, { ...described, labelNames: ['database'] }, async () =>
      (await look()).flatMap(({ state, labels }) => {
        const known = value(state);
        return known === null ? [] : [{ value: known, labels }];
      }),
    );
  gaugeAtScrape(
    registry,
    {
      name: 'backup_storage_up',
      help: 'Whether the catalog in a storage could be read the last time that it was tried (1), or not (0).',
      labelNames: ['storage'],
    },
    async () =>
      [...freshness.storages()].map(([storage, problem]) => ({
        value: Number(problem === null),
        labels: { storage },
      })),
  );
}
