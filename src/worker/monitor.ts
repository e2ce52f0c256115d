import { BackupDataError } from '../shared/errors.ts';
import { cancelKey } from '../shared/queues/names.ts';
import type { Progress } from '../shared/queues/progress.ts';
import type { WorkerContext } from './context.ts';
import type { Start } from './job.ts';
import type { Lease } from './lease.ts';

/** Milliseconds between looks; less where the lease is shorter than that, because a look renews it. */
const interval = 1_000;

/**
 * Phases in which silence says nothing: a database builds indexes of what it was given, rows are counted, a prune moves no
 * bytes at all, a dump that can be checked only as a file is made in one, and what the operator's own programs do is theirs to
 * know. The limit of the whole job holds in them, too.
 */
const quietPhases: ReadonlySet<string> = new Set([
  ...['before', 'prepare', 'after'],
  ...['restore', 'compare', 'prune'],
]);

/** Watches over one start of a job: tells its progress, and ends it when it is cancelled, silent, late or no longer ours. */
export interface Monitor {
  phase(phase: string): void;
  /** Stored bytes that were handled; resets the watch for silence. Cheap: it only counts. */
  bytes(count: number): void;
  /** What `bytes` will be about, where that is known only now. */
  expect(bytes: number | null): void;
  /** From now on the lease is renewed too, and its loss ends the run. */
  hold(lease: Lease): void;
  stop(): void;
}

export interface MonitorOptions {
  context: WorkerContext;
  start: Pick<Start, 'job' | 'abort' | 'logger'>;
  attemptId: string | null;
  expectedBytes: number | null;
  /** Milliseconds. */
  limits: { maxDuration: number; noBytes: number };
}

export function startMonitor(options: MonitorOptions): Monitor {
  const state = startState(options);
  let busy = false;
  const tick = async (): Promise<void> => {
    // First, because it needs no Redis: while that is away, the look below does not end.
    const overdue = overdueReason(options.limits, state);
    if (overdue) options.start.abort(overdue);
    if (busy) return;
    busy = true;
    // Redis may be away: then progress is not told and the lock will decide, but the run goes on.
    await watch(options, state).catch((error: unknown) =>
      options.start.logger.debug('progress could not be told', { error }),
    );
    busy = false;
  };
  const timer = setInterval(
    () => void tick(),
    Math.min(interval, options.context.config.queue.lockDuration / 4),
  );
  return {
    phase: (phase) => {
      const heardAt = performance.now();
      Object.assign(state, { phase, since: options.context.clock(), bytes: 0, reported: 0, heardAt });
      void tick();
    },
    bytes: (count) => {
      state.bytes += count;
      state.heardAt = performance.now();
    },
    expect: (bytes) => {
      state.expectedBytes = bytes;
    },
    hold: (lease) => {
      state.lease = lease;
    },
    stop: () => clearInterval(timer),
  };
}

interface State {
  phase: string;
  since: Date;
  bytes: number;
  expectedBytes: number | null;
  /** What `bytes` was at the last tick, and when that was. */
  reported: number;
  reportedAt: number;
  startedAt: number;
  heardAt: number;
  lease: Lease | undefined;
}

function startState({ context, expectedBytes }: MonitorOptions): State {
  const now = performance.now();
  return {
    phase: 'start',
    since: context.clock(),
    bytes: 0,
    expectedBytes,
    reported: 0,
    reportedAt: now,
    startedAt: now,
    heardAt: now,
    lease: undefined,
  };
}

async function watch(options: MonitorOptions, state: State): Promise<void> {
  const { context, start } = options;
  const { job, abort } = start;
  const [cancelled, kept] = await Promise.all([
    context.redis.get(cancelKey(context.config.installation, job.id ?? '')),
    state.lease?.renew() ?? true,
    job.updateProgress(progressOf(options, state)),
  ]);
  if (cancelled !== null) abort(new BackupDataError('CANCELLED', `cancelled by ${cancelled}`));
  if (!kept) abort(new BackupDataError('LOCK_LOST', 'another attempt took this run over'));
}

function overdueReason(limits: MonitorOptions['limits'], state: State): BackupDataError | undefined {
  const now = performance.now();
  if (now - state.startedAt > limits.maxDuration) {
    return new BackupDataError(
      'TIMEOUT',
      `the run took longer than maxDuration (${limits.maxDuration / 1_000} s)`,
      {
        hint: 'Raise maxDuration of this database if that is its normal time.',
      },
    );
  }
  if (!quietPhases.has(state.phase) && now - state.heardAt > limits.noBytes) {
    return new BackupDataError('TIMEOUT', `no byte moved for ${limits.noBytes / 1_000} s`, {
      hint: 'A lock in the database or a hung server is the usual cause; timeouts.noBytes sets the limit.',
    });
  }
  return undefined;
}

function progressOf({ start: { job }, attemptId }: MonitorOptions, state: State): Progress {
  const now = performance.now();
  const seconds = Math.max((now - state.reportedAt) / 1_000, 0.001);
  const bytesPerSecond = Math.max(0, Math.round((state.bytes - state.reported) / seconds));
  Object.assign(state, { reported: state.bytes, reportedAt: now });
  const { phase, since, bytes, expectedBytes } = state;
  return {
    phase,
    since: since.toISOString(),
    attempt: job.attemptsStarted,
    attemptId,
    bytes,
    bytesPerSecond,
    expectedBytes,
  };
}
