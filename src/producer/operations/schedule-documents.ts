import type { Queue } from 'bullmq';
import cronstrue from 'cronstrue';
import { listEntries } from '../../pipeline/catalog/catalog.ts';
import { mapAtMost } from '../../pipeline/process/map-at-most.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { Config, DatabaseConfig } from '../../shared/config/schema.ts';
import { jitterOf, nextSlots } from '../../shared/cron.ts';
import { asBackupDataError } from '../../shared/errors.ts';
import { timeOfBackup } from '../../shared/ids.ts';
import { discoverKey } from '../../shared/queues/options.ts';
import type { Client } from '../client/client.ts';
import type { Account, Ledger } from '../scheduler/ledger.ts';
import type { Schedule } from '../scheduler/schedules.ts';
import type { ScheduleDocument } from './documents.ts';

interface Options {
  config: Config;
  resources: Pick<Resources, 'storage'>;
  client: Client;
  ledger: Ledger;
  now: Date;
  signal: AbortSignal;
}

const atOnce = 16;

/** Schedules with what Redis and the catalogs tell of them. */
export async function describeSchedules(
  options: Options,
  schedules: readonly Schedule[],
): Promise<ScheduleDocument[]> {
  const accounts = await options.ledger.readAll();
  const { signal } = options;
  return mapAtMost({ items: schedules, limit: atOnce, signal }, (schedule, stop) =>
    describe({ ...options, signal: stop }, schedule, accounts.get(schedule.data.database)),
  );
}

async function describe(
  options: Options,
  schedule: Schedule,
  account: Account | undefined,
): Promise<ScheduleDocument> {
  const { kind, database: name } = schedule.data;
  const server = options.config.servers.get(name)?.template;
  const entry = options.config.databases.get(name) ?? server;
  if (!entry) throw new Error(`the schedule ${schedule.id} has no entry`);
  const isBackup = kind === 'backup';
  const paused = (isBackup && account?.paused) || null;
  const delay = isBackup ? jitterOf(entry) : 0;
  const slots = paused ? [] : nextSlots(schedule, new Date(options.now.getTime() - delay), 3);
  return {
    ...{ name, kind, expression: schedule.pattern, words: inWords(schedule.pattern), timezone: schedule.tz },
    ...{ delay, next: slots.map((slot) => new Date(slot.getTime() + delay).toISOString()) },
    ...(await lastOf(options, { kind, entry, isServer: server !== undefined })),
    ...{ paused, missed: isBackup ? (account?.missed ?? 0) : 0 },
    state: paused ? 'paused' : await stateOf(options, { kind, entry, isServer: server !== undefined }),
  };
}

interface Subject {
  kind: Schedule['data']['kind'];
  entry: DatabaseConfig;
  isServer: boolean;
}

async function lastOf(
  { resources, signal }: Options,
  { kind, entry, isServer }: Subject,
): Promise<Pick<ScheduleDocument, 'last' | 'problem'>> {
  try {
    const storage = await resources.storage(entry.storage);
    const whose = isServer ? { database: undefined, server: entry.name } : { database: entry.name };
    const entries = await listEntries({ storage, ...whose, signal });
    const times =
      kind === 'backup'
        ? entries.map(({ backupId }) => timeOfBackup(backupId))
        : entries.flatMap(({ verifications }) => verifications.map(({ at }) => at));
    const last = times.reduce((newest, time) => Math.max(newest, time.getTime()), 0);
    return { last: times.length === 0 ? null : new Date(last).toISOString(), problem: null };
  } catch (error) {
    signal.throwIfAborted();
    return { last: null, problem: asBackupDataError(error).message };
  }
}

async function stateOf(
  { client }: Options,
  { kind, entry, isServer }: Subject,
): Promise<ScheduleDocument['state']> {
  if (kind === 'verify') return 'idle';
  const queue: Queue = client.queue('backups', entry.pool);
  const id = await queue.getDeduplicationJobId(isServer ? discoverKey(entry.name) : entry.name);
  const state = id === null ? 'unknown' : await queue.getJobState(id);
  if (state === 'active') return 'running';
  if (state === 'delayed') return 'retrying';
  return state === 'waiting' || state === 'prioritized' ? 'waiting' : 'idle';
}

/** What the parser of schedules takes, and this one does not, is shown as it is: it must not hide all the others. */
function inWords(pattern: string): string {
  try {
    return cronstrue.toString(pattern.trim().split(/\s+/).join(' '), { use24HourTimeFormat: true });
  } catch {
    return pattern;
  }
}
