import type { Config, DatabasePolicy } from '../../shared/config/schema.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Current } from '../current.ts';
import type { DatabaseFreshness, Freshness, NewestBackup } from './freshness.ts';
import type { KnownDatabases } from './known-databases.ts';
import { createMaxAges } from './max-age.ts';
import { readAlone } from './read-database.ts';
import { readEverything } from './read-everything.ts';
import { createState, type Known } from './state.ts';

export interface FreshnessOptions {
  current: Current;
  logger: Logger;
  clock: () => Date;
  /** Milliseconds between two readings of everything. */
  interval?: number;
  /** Which databases servers had when they were last asked; without it every one that has backups counts. */
  known?: Pick<KnownDatabases, 'found'> | undefined;
}

const usualInterval = 300_000;

/** Begins to read every catalog, and reads it again and again. What a storage that is away held is remembered. */
export function startFreshness(options: FreshnessOptions): Freshness {
  const { current, clock, interval = usualInterval } = options;
  const closed = new AbortController();
  const { signal } = closed;
  const state = createState(options);
  const maxAgeOf = createMaxAges(clock);
  const view = (name: string): DatabaseFreshness | undefined => {
    const known = state.get(name);
    const policy = known && policyOf(current().config, known.entry);
    return policy && tell(name, known, { maxAge: maxAgeOf(policy), now: clock(), known: options.known });
  };
  let round: Promise<void> | undefined;
  const begin = (): void => {
    round ??= readEverything({ ...options, state, signal }).finally(() => {
      round = undefined;
    });
  };
  begin();
  const timer = setInterval(begin, interval);
  return {
    databases: () => state.names().flatMap((name) => view(name) ?? []),
    get: view,
    storages: state.storages,
    refresh: async (name, asked) => {
      await readAlone({ ...options, state, name, signal: AbortSignal.any([asked, signal]) });
      const told = view(name);
      if (told) return told;
      throw new Error(`${name} left the configuration while it was read`);
    },
    close: async () => {
      clearInterval(timer);
      closed.abort();
      await round;
    },
  };
}

/** At the moment of asking: a database becomes stale although nothing happens. */
function tell(
  database: string,
  { entry, readAt, newest, proven, verificationFailed }: Known,
  by: { maxAge: number | null; now: Date; known: FreshnessOptions['known'] },
): DatabaseFreshness {
  const { maxAge, now, known } = by;
  const isOld = maxAge !== null && (newest === null || now.getTime() - newest.snapshotAt.getTime() > maxAge);
  const stale = isOld && !isGone(database, newest, known?.found(entry));
  return { database, entry, readAt, newest, stale, maxAge, proven, verificationFailed };
}

/** Whether its server no longer had it when that was asked, and it was not backed up since. */
function isGone(
  database: string,
  newest: NewestBackup | null,
  found: ReturnType<KnownDatabases['found']>,
): boolean {
  return found !== undefined && !found.names.has(database) && !(newest && newest.snapshotAt > found.at);
}

function policyOf({ databases, servers }: Config, entry: string): DatabasePolicy | undefined {
  return databases.get(entry) ?? servers.get(entry)?.template;
}
