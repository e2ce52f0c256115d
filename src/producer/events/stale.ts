import { findDatabase } from '../../shared/config/servers.ts';
import { compactTime } from '../../shared/ids.ts';
import type { RunEvent } from '../../shared/queues/run-event.ts';
import type { DatabaseFreshness, Freshness } from '../freshness/freshness.ts';
import { describe, type EventContext } from './describe.ts';
import type { IncidentKey, IncidentRecord, Incidents } from './incidents.ts';
import { recoveryOf } from './run-events.ts';

interface StaleOptions extends EventContext {
  freshness: Pick<Freshness, 'databases' | 'get'>;
  incidents: Incidents;
}

const day = 86_400_000;
/** Within this time of the end of one, a producer that has not read the catalog since may take it for stale still. */
const settling = 600_000;

/**
 * Opens and closes the incidents of databases that are stale; of one database, or of all. With all, incidents of
 * databases that left the configuration are forgotten, and such as have been over for a day.
 */
export async function lookForStale(options: StaleOptions, only?: string): Promise<void> {
  const { freshness, incidents } = options;
  const records = await incidents.all();
  const stale = new Map(
    records.flatMap(({ key, record }) => (key.kind === 'stale' ? [[key.database, record]] : [])),
  );
  const one = only === undefined ? undefined : freshness.get(only);
  const looked = only === undefined ? freshness.databases() : one ? [one] : [];
  for (const each of looked) await lookAt(options, each, stale.get(each.database));
  if (only === undefined) await incidents.forget(forgotten(options, records));
}

async function lookAt(
  options: StaleOptions,
  told: DatabaseFreshness,
  record: IncidentRecord | undefined,
): Promise<void> {
  const { config, incidents, now: at } = options;
  if (told.stale === (record?.state === 'open')) return;
  const database = findDatabase(config, told.database);
  if (!database) return;
  const key: IncidentKey = { kind: 'stale', database: told.database };
  const stale = staleOf(told);
  if (!told.stale)
    return incidents.close(key, {
      at,
      recovery: (of) => describe(options, database, { at, stale, ...recoveryOf(key, of) }),
    });
  const id = idOf(told, { record, at });
  if (id !== undefined)
    await incidents.open(key, { at, event: describe(options, database, { at, kind: 'stale', id, stale }) });
}

function staleOf({ maxAge, newest }: DatabaseFreshness): RunEvent['stale'] {
  return { maxAgeMs: maxAge ?? 0, newestAt: newest?.snapshotAt.toISOString() ?? null };
}

/** By the moment since when it is stale, so that all producers tell the same. Undefined where it is told later, if it stays so. */
function idOf(
  { database, maxAge, newest }: DatabaseFreshness,
  { record, at }: { record: IncidentRecord | undefined; at: Date },
): string | undefined {
  const since = newest ? compactTime(new Date(newest.snapshotAt.getTime() + (maxAge ?? 0))) : 'never';
  const id = `stale-${database}-${since}`;
  if (!record?.id.startsWith(id)) return id;
  return at.getTime() - record.at < settling ? undefined : `${id}-${compactTime(new Date(record.at))}`;
}

function forgotten(
  { config, now }: StaleOptions,
  records: readonly { key: IncidentKey; record: IncidentRecord }[],
): IncidentKey[] {
  return records
    .filter(({ key: { database }, record }) => {
      const isOld = record.state === 'over' && now.getTime() - record.at > day;
      return isOld || !(config.servers.has(database) || findDatabase(config, database));
    })
    .map(({ key }) => key);
}
