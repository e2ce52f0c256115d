import { type Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Child, startChild } from './child.ts';
import { lostReader, type StageExit, StageFailure, succeeded } from './failure.ts';
import { closePipes, takePipes } from './pipes.ts';
import type { Stage } from './stage.ts';
import { createStopper, type Stopper } from './stopper.ts';

export interface StagesOptions {
  /** At least one; each stage's stdout is the next one's stdin. */
  stages: readonly Stage[];
  /** Whether the first stage reads `input`, or nothing. */
  input: 'pipe' | 'none';
  signal: AbortSignal;
  /**
   * What an abort or a failed neighbour sends first; SIGKILL follows `grace` milliseconds later. A consumer that could
   * take the end of its input for success must get SIGKILL at once. Default SIGTERM, 5,000.
   */
  stopWith?: 'SIGTERM' | 'SIGKILL';
  grace?: number;
  /** The last stage may end before it read everything, and then only its own exit counts. */
  partial?: boolean;
}

/** Native programs joined by pipes: what passes between them never enters JavaScript. */
export interface RunningStages {
  /** Stdin of the first stage; null when `input` is `none`. */
  input: Writable | null;
  /** Stdout of the last stage. It ends only after every stage closed with code 0 and no signal; else it is destroyed with the failure. */
  output: Readable;
  /**
   * Resolves when every stage closed with code 0, the first one not before `input` was written to its end; rejects with
   * StageFailure, or the signal's reason, once all are gone.
   */
  finished: Promise<void>;
}

/** Starts all stages in one synchronous block, so that none of them is left waiting for another one. */
export async function startStages(options: StagesOptions): Promise<RunningStages> {
  options.signal.throwIfAborted();
  const children = await startJoined(options);
  const stop = createStopper(children, options);
  const finished = supervise(children, stop, options);
  finished.catch(() => undefined);
  const output = gate(children, finished);
  // A program that has nothing to write just then (a dump that waits for a lock) would not notice that nobody reads.
  output.once('close', stop.now);
  const first = children[0]?.process.stdin;
  const input = options.input === 'pipe' && first ? first : null;
  // A stage that ended early breaks this pipe; its exit, not the broken pipe, is what failed.
  input?.on('error', () => undefined);
  return { input, output, finished };
}

async function startJoined({ stages, input, signal }: StagesOptions): Promise<readonly Child[]> {
  const pipes = await takePipes(stages.length - 1);
  const children: Child[] = [];
  try {
    signal.throwIfAborted();
    for (const [index, stage] of stages.entries()) {
      const first = input === 'none' ? 'ignore' : 'pipe';
      const stdio = [pipes[index - 1]?.read ?? first, pipes[index]?.write ?? 'pipe', 'pipe'] as const;
      children.push(startChild(stage, stdio));
    }
    return children;
  } catch (error) {
    // The system may refuse one for want of memory; the others would wait for its bytes for ever.
    for (const child of children) child.stop('SIGKILL');
    throw error;
  } finally {
    closePipes(pipes);
  }
}

/** What lies in a pipe when its reader ends is lost without a trace; what is not even written is not. */
function wasGivenAll(first: Child | undefined, { input }: StagesOptions): boolean {
  return input === 'none' || first?.process.stdin?.writableFinished === true;
}

/** Milliseconds for a program to end by itself whose neighbour has failed: how it ends may be what failed, and not that it was killed. */
const toEnd = 500;

/**
 * Who may be the cause that a program failed, and about to end: the reader that it lost, or the writer of what the last one found
 * cut off. The writer of another one is not waited for: who reads behind that one could take the end of its input for success.
 */
function suspect(children: readonly Child[], index: number, exit: StageExit): Child | undefined {
  if (lostReader(exit)) return children[index + 1];
  return index === children.length - 1 && !succeeded(exit) ? children[index - 1] : undefined;
}

async function supervise(children: readonly Child[], stop: Stopper, options: StagesOptions): Promise<void> {
  options.signal.addEventListener('abort', stop.now, { once: true });
  const last = children.at(-1);
  for (const [index, child] of children.entries()) {
    void child.closed.then(async (exit) => {
      // A last stage that reads no more breaks the others (SIGPIPE, or an error of their own) before its own exit is known.
      if (options.partial ? child !== last : succeeded(exit)) return;
      const cause = suspect(children, index, exit);
      if (cause) await Promise.race([cause.closed, delay(toEnd, null, { ref: false })]);
      stop.now();
    });
  }
  const exits = await Promise.all(children.map((child) => child.closed));
  stop.cancel();
  options.signal.removeEventListener('abort', stop.now);
  const counted = options.partial ? exits.slice(-1) : exits;
  if (counted.every(succeeded) && (options.partial || wasGivenAll(children[0], options))) return;
  options.signal.throwIfAborted();
  throw new StageFailure(exits);
}

/** The end of `output` is held back until it is known to be the end of a whole dump. */
function gate(children: readonly Child[], finished: Promise<void>): Readable {
  const output = new Transform({
    readableHighWaterMark: 1 << 20,
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush: (done) => {
      finished.then(() => done(), done);
    },
  });
  const source = children.at(-1)?.process.stdout;
  if (source) pipeline(source, output).catch(() => undefined);
  finished.catch((error: Error) => output.destroy(error));
  // A reader that gives up breaks the last stage's pipe, and with it the pipeline.
  output.on('error', () => undefined);
  return output;
}
