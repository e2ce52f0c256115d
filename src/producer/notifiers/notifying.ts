import { setTimeout as delay } from 'node:timers/promises';
import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { asBackupDataError, toFailedReason } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { notificationsQueue, redisPrefix } from '../../shared/queues/names.ts';
import { retryDelay } from '../../shared/queues/options.ts';
import { type Payload, parsePayload } from '../../shared/queues/payloads.ts';
import type { RunEventKind } from '../../shared/queues/run-event.ts';
import { redactorOf } from '../../shared/redact.ts';
import { createThrottle } from '../../shared/throttle.ts';
import type { Loaded } from '../current.ts';
import { postponementOf } from './delivery.ts';
import { isState, notifierFor } from './notifiers.ts';
import { createTurns, type Turns } from './turns.ts';

/** What became of one attempt to tell one notifier: `failed` is not tried again, `retried` is. */
export interface Told {
  notifier: string;
  kind: RunEventKind;
  outcome: 'sent' | 'failed' | 'retried';
}

export interface NotifyingOptions {
  current: () => Pick<Loaded, 'config'>;
  /** Of the role `worker`: it waits for a Redis that is away. */
  redis: Redis;
  logger: Logger;
  clock: () => Date;
  random: () => number;
  /** For metrics. */
  count: (told: Told) => void;
}

/** Notifications at once, and how many of them one notifier may have: those that hang hold up no other. */
const most = { all: 48, each: 8 };
/** Milliseconds after which one that found its notifier busy comes again, half more or less. */
const pause = 1_000;
/** Milliseconds for which a service may ask to be left alone, and for which an event is worth waiting for it. */
const rest = { least: 1_000, most: 3_600_000, whole: 86_400_000 };
/** Milliseconds that BullMQ is given to close; with Redis away it may not come to an end. */
const patience = 2_000;

/** Tells notifiers what the outbox holds for them. Any number of producers may run one. */
export function startNotifying(options: NotifyingOptions): { close(): Promise<void> } {
  const { current, redis, logger, clock, random } = options;
  const { installation, queue } = current().config;
  const busy = new Map<string, number>();
  const resting = new Map<string, number>();
  const turns = createTurns({ redis, installation });
  // BullMQ gives the signal only to a function that declares three parameters.
  const processor = (job: Job, token: string | undefined, signal: AbortSignal | undefined) =>
    handle(options, { job, token, busy, resting, turns, signal: signal ?? new AbortController().signal });
  const worker = new Worker(notificationsQueue, processor, {
    connection: redis,
    prefix: redisPrefix(installation),
    concurrency: most.all,
    lockDuration: queue.lockDuration,
    stalledInterval: queue.stalledInterval,
    maxStalledCount: queue.maxStalledCount,
    settings: { backoffStrategy: (attemptsMade) => retryDelay(attemptsMade, current().config.queue, random) },
  });
  const throttle = createThrottle({ clock, interval: 5_000 });
  worker.on('error', (error) =>
    throttle(error.message, (repeated) => logger.warn('notifications: queue error', { error, repeated })),
  );
  return { close: () => closeWithin(worker) };
}

/** What is being told is let come to its end for a while, and then aborted: it is told again. */
async function closeWithin(worker: Worker): Promise<void> {
  const over = new AbortController();
  const closing = worker
    .close()
    .catch(() => undefined)
    .finally(() => over.abort());
  const late = () => delay(patience, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([closing, late()]);
  if (over.signal.aborted) return;
  worker.cancelAllJobs('the producer stops');
  await Promise.race([closing, late()]);
}

interface Handled {
  job: Job;
  token: string | undefined;
  /** How many notifications each notifier has now. */
  busy: Map<string, number>;
  /** Until when a notifier is to be left alone, in milliseconds since 1970. */
  resting: Map<string, number>;
  turns: Turns;
  signal: AbortSignal;
}

async function handle(options: NotifyingOptions, handled: Handled): Promise<void> {
  const { job, busy, resting, signal } = handled;
  const payload = read(options, job);
  const { notifier } = payload;
  const left = (resting.get(notifier) ?? 0) - options.clock().getTime();
  if (left > 0) return putOff(options, handled, left);
  const others = busy.get(notifier) ?? 0;
  if (others >= most.each) return putOff(options, handled, pause / 2);
  busy.set(notifier, others + 1);
  let isEarly: boolean;
  try {
    isEarly = await tell(options, payload, handled);
  } catch (error) {
    // The producer stops: it was not the notifier's failure, so that it costs no attempt.
    if (signal.aborted) return await putOff(options, handled, 0);
    await giveRest(options, { ...handled, payload }, error);
    throw failureOf(options, { job, payload }, error);
  } finally {
    busy.set(notifier, (busy.get(notifier) ?? 1) - 1);
  }
  if (isEarly) await putOff(options, handled, pause / 2);
}

function read({ logger }: NotifyingOptions, job: Job): Payload<'notify'> {
  try {
    return parsePayload('notify', job.data);
  } catch (error) {
    logger.error('a notification cannot be read', { jobId: job.id, error });
    throw new UnrecoverableError(toFailedReason(error));
  }
}

/** Back to the queue, for so many milliseconds and up to a second more. This is no attempt. */
async function putOff(
  { clock, random }: NotifyingOptions,
  { job, token }: Handled,
  milliseconds: number,
): Promise<never> {
  await job.moveToDelayed(clock().getTime() + Math.round(milliseconds + pause * random()), token);
  throw new DelayedError();
}

/** A service that names a time before which it takes nothing is asked for nothing until then, and that costs no attempt. */
async function giveRest(
  options: NotifyingOptions,
  handled: Handled & { payload: Payload<'notify'> },
  error: unknown,
): Promise<void> {
  const { notifier, event } = handled.payload;
  const asked = postponementOf(error);
  const now = options.clock().getTime();
  if (asked === undefined || now - Date.parse(event.at) > rest.whole) return;
  const milliseconds = Math.min(Math.max(asked, rest.least), rest.most);
  handled.resting.set(notifier, Math.max(handled.resting.get(notifier) ?? 0, now + milliseconds));
  const { kind, database, id } = event;
  const fields = { notifier, kind, database, event: id, milliseconds, error };
  options.logger.warn('a notification waits, as its service asks for', fields);
  options.count({ notifier, kind, outcome: 'retried' });
  await putOff(options, handled, milliseconds);
}

/** Whether its turn has not come yet. */
async function tell(
  { current, clock, logger, count }: NotifyingOptions,
  payload: Payload<'notify'>,
  { turns, token, signal }: Handled,
): Promise<boolean> {
  const { notifier, event } = payload;
  const config = current().config.notifiers.get(notifier);
  const { kind, database, id } = event;
  const fields = { notifier, kind, database, event: id };
  if (!config) {
    logger.warn('a notification was dropped: its notifier is no longer in the configuration', fields);
    return false;
  }
  const send = async (): Promise<void> =>
    (await notifierFor({ name: notifier, config, clock })).notify(event, signal);
  const turn = isState(config) ? await turns.take(payload, { owner: token ?? '', tell: send }) : await send();
  if (turn === 'outdated') logger.info('a notification was dropped: what came after it was told', fields);
  if (turn === 'outdated' || turn === 'busy') return turn === 'busy';
  logger.info('notification sent', fields);
  count({ notifier, kind, outcome: 'sent' });
  return false;
}

/** What BullMQ is thrown. It decides by it whether there is another attempt. */
function failureOf(
  { current, logger, count }: NotifyingOptions,
  { job, payload }: { job: Job; payload: Payload<'notify'> },
  thrown: unknown,
): Error {
  const { notifier, event } = payload;
  const { kind, database, id } = event;
  const error = asBackupDataError(thrown);
  const again = error.retryable && job.attemptsMade + 1 < (job.opts.attempts ?? 1);
  const fields = { notifier, kind, database, event: id, error };
  if (again) logger.warn('a notification failed, and is tried again', fields);
  else logger.error('a notification failed for good', fields);
  count({ notifier, kind, outcome: again ? 'retried' : 'failed' });
  const reason = redactorOf(current().config.secrets).text(toFailedReason(error));
  return error.retryable ? new Error(reason) : new UnrecoverableError(reason);
}
