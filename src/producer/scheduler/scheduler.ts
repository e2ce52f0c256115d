import { setTimeout as delay } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { Config, DatabaseConfig } from '../../shared/config/schema.ts';
import type { Logger } from '../../shared/logger.ts';
import { schedulesQueue } from '../../shared/queues/names.ts';
import { openQueue } from '../../shared/queues/queue.ts';
import { createThrottle } from '../../shared/throttle.ts';
import { type Apart, catchUp, settleBeforeChange } from './catch-up.ts';
import type { SchedulerContext, SchedulerOptions } from './context.ts';
import { createHeld, type Held } from './held.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createNewest } from './newest.ts';
import { type Change, type Plan, reconcile } from './reconcile.ts';
import { findScheduled, scheduledOf, schedulesOf } from './schedules.ts';
import { createSlots } from './slots.ts';
import { openTicks } from './ticks.ts';
import { catchUpVerifications, ledgerName, settleVerification } from './verify-slots.ts';

export interface Scheduler {
  queue: Queue;
  ledger: Ledger;
  /** Compares the configuration of now with Redis at once, and not only when it is time. */
  look(): void;
  close(): Promise<void>;
}

/** Milliseconds between looks whether Redis holds the schedules of the configuration, and what is due: it may have lost them. */
const interval = 30_000;
/** Milliseconds that BullMQ is given to close; with Redis away it may not come to an end. */
const patience = 2_000;

/** Keeps the schedules and handles what they emit. Any number of producers may run one; without Redis it keeps trying. */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const { current, redis, logger, clock } = options;
  const { installation } = current().config;
  const queue = openQueue(schedulesQueue, { redis, installation });
  const ledger = createLedger({ redis, installation });
  const context = {
    ...options,
    ledger,
    slots: createSlots(),
    held: createHeld(),
    newest: createNewest(current),
  };
  const throttle = createThrottle({ clock, interval: 5_000 });
  const complain = (message: string, error: Error): void =>
    throttle(`${message} ${error.message}`, (repeated) => logger.warn(message, { error, repeated }));
  const ticks = openTicks(context);
  ticks.on('error', (error) => complain('schedules: queue error', error));
  const { look, stop } = keepReconciled(context, queue, complain);
  return {
    queue,
    ledger,
    look,
    close: async () => {
      stop();
      const over = new AbortController();
      const closing = Promise.allSettled([ticks.close(), queue.close()]).finally(() => over.abort());
      await Promise.race([
        closing,
        delay(patience, undefined, { signal: over.signal }).catch(() => undefined),
      ]);
    },
  };
}

type LookContext = SchedulerContext & { held: Held };

function keepReconciled(
  context: LookContext,
  queue: Queue,
  complain: (message: string, error: Error) => void,
): { look: () => void; stop: () => void } {
  const closed = new AbortController();
  const told =
    (message: string) =>
    (error: Error): void => {
      if (!closed.signal.aborted) complain(message, error);
    };
  const apart = onePerStorage(told('slots that Redis does not know could not be seen to'));
  let round: Promise<void> | undefined;
  let again = false;
  const look = (): void => {
    // With Redis away a round waits for it; one more behind it is enough.
    again = round !== undefined;
    round ??= lookOnce({ ...context, queue, apart }, closed.signal)
      .catch(told('the schedules could not be compared with Redis'))
      .finally(() => {
        round = undefined;
        if (again && !closed.signal.aborted) look();
      });
  };
  look();
  const timer = setInterval(look, interval);
  return {
    look,
    stop: () => {
      clearInterval(timer);
      closed.abort();
    },
  };
}

/** Of each storage one at a time: the next look begins anew what is let go. It is not waited for. */
function onePerStorage(tell: (error: Error) => void): Apart {
  const busy = new Set<string>();
  return async (storage, work) => {
    if (busy.has(storage)) return;
    busy.add(storage);
    work()
      .catch(tell)
      .finally(() => busy.delete(storage));
  };
}

/** What cannot be written holds up nothing that is due; the failure is thrown at the end. */
async function lookOnce(
  context: LookContext & { queue: Queue; apart: Apart },
  signal: AbortSignal,
): Promise<void> {
  const { queue, held, apart } = context;
  const { config } = context.current();
  const [wanted, scheduled] = [schedulesOf(config), scheduledOf(config)];
  const now = context.clock();
  const proofs = wanted.filter(({ data }) => data.kind === 'verify');
  held.look(
    [...scheduled, ...proofs.map((each) => ({ name: ledgerName(each.data.database), cron: each }))],
    now,
  );
  const beforeChange = (change: Change): Promise<void> => settle(context, change, signal);
  const [written] = await Promise.allSettled([reconcile({ queue, wanted, beforeChange })]);
  if (written.status === 'fulfilled') tell(context.logger, written.value);
  const added = written.status === 'fulfilled' ? backupsOf(written.value.added) : new Set<string>();
  const storageOf = (name: string): string => entryOf(config, name)?.storage ?? '';
  const ended = await Promise.allSettled([
    catchUp(context, { scheduled, added, now: context.clock(), apart, signal }),
    catchUpVerifications(context, { schedules: proofs, apart, storageOf, signal }),
  ]);
  for (const each of [written, ...ended]) if (each.status === 'rejected') throw each.reason;
}

function backupsOf(schedules: Plan['added']): ReadonlySet<string> {
  return new Set(schedules.flatMap(({ data: { kind, database } }) => (kind === 'backup' ? database : [])));
}

/** What is due by the old definition of a schedule is seen to before it is written over. */
async function settle(context: LookContext, change: Change, signal: AbortSignal): Promise<void> {
  const { kind, database } = change.schedule.data;
  const now = context.clock();
  const scheduled = findScheduled(context.current().config, database);
  if (kind === 'backup') {
    if (scheduled) await settleBeforeChange(context, { change, scheduled, now, signal });
    return;
  }
  await settleVerification(context, { ...change, signal });
}

function entryOf({ databases, servers }: Config, name: string): DatabaseConfig | undefined {
  return databases.get(name) ?? servers.get(name)?.template;
}

function tell(logger: Logger, { added, changed, removed }: Plan): void {
  if (added.length + changed.length + removed.length === 0) return;
  logger.info('the schedules follow the configuration', {
    added: added.length,
    changed: changed.length,
    removed: removed.length,
  });
}
