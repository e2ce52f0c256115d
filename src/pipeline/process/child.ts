import { type ChildProcess, type IOType, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { StageExit } from './failure.ts';
import { createSecretHider } from './hide-secrets.ts';
import { letGoOnceKilled } from './let-go.ts';
import type { Stage } from './stage.ts';
import { keepTail } from './tail.ts';
import { withUnnamedFiles } from './unnamed-files.ts';

/** Of stderr. */
const keptBytes = 4096;

const setpriv = '/usr/bin/setpriv';
const nice = '/usr/bin/nice';

/** A started program, as the process that answers for it sees it. */
export interface Child {
  process: ChildProcess;
  /**
   * Resolves once the program is gone and its streams are closed, or soon after it was killed: what left its process group may
   * hold them. Never rejects.
   */
  closed: Promise<StageExit>;
  /** Sends a signal to the program and everything that it started and that stayed in its process group. Harmless once it is gone. */
  stop(signal: NodeJS.Signals): void;
}

/** With an absolute path. */
export type Command = readonly [program: string, args: readonly string[]];

/** What a program's stdin, stdout and stderr are. */
export type Stdio = readonly [IOType | number, IOType | number, IOType];

/** Starts one program in its own process group, so that a stop reaches what it starts itself. */
export function startChild(stage: Stage, stdio: Stdio): Child {
  const [program, args] = dyingWithParent(steppingBack(stage));
  // The program has its own descriptors of the files once it is started, or will never have any.
  const child = withUnnamedFiles(stage.files ?? [], (files) =>
    spawn(program, args, {
      stdio: [...stdio, ...files, ...(stage.descriptors ?? [])],
      env: { ...stage.env },
      detached: true,
    }),
  );
  const stderr = keepWords(child.stderr, stage);
  let sent: NodeJS.Signals | undefined;
  let [gone, killed] = [false, false];
  const { promise: closed, resolve } = Promise.withResolvers<StageExit>();
  const end = (code: number | null, signal: NodeJS.Signals | null, failure?: Error): void => {
    gone = true;
    // SIGKILL leaves no exit code: a program that has one was ending by itself.
    const stopped = sent !== undefined && !(sent === 'SIGKILL' && signal === null);
    const words = failure?.message ?? stderr();
    const ran = failure === undefined && !isRefusalToStart({ code, words });
    resolve({ program: stage.program, code: ran ? code : null, signal, stderr: words, stopped });
  };
  child.once('error', (error) => end(null, null, error));
  child.once('close', (code, signal) => end(code, signal));
  const stop = (signal: NodeJS.Signals): void => {
    if (gone || child.pid === undefined) return;
    // One that has ended by itself is not stopped; what it started may still be.
    if (child.exitCode === null && child.signalCode === null) sent ??= signal;
    killGroup(child.pid, signal);
    if (signal !== 'SIGKILL' || killed) return;
    killed = true;
    letGoOnceKilled(child, () => end(child.exitCode, child.signalCode));
  };
  return { process: child, closed, stop };
}

/** `setpriv` and `nice` end with one of two codes when they cannot start the program: then the program has said nothing. */
function isRefusalToStart({ code, words }: { code: number | null; words: string }): boolean {
  return (code === 126 || code === 127) && /^(setpriv|\/usr\/bin\/nice|nice): /.test(words);
}

/** The last 4 KiB of what is read from it, without a secret nor the rest of one that is cut. */
function keepWords(stream: Readable | null, stage: Stage): () => string {
  const { longest, hide } = createSecretHider(stage);
  const tail = keepTail(stream, keptBytes + longest);
  return () => {
    const { text, dropped } = tail();
    return hide(text, dropped > 0 ? longest : 0);
  };
}

/** On Linux a program is killed by the kernel when its parent, the worker, dies, however it dies: nobody else would stop it. */
export function dyingWithParent([program, args]: Command): Command {
  if (!existsSync(setpriv)) return [program, args];
  return [setpriv, ['--pdeathsig', 'KILL', '--', program, ...args]];
}

/** From its first instruction, so that all that it starts steps back too. */
function steppingBack({ program, args, nice: steps = 0 }: Stage): Command {
  if (steps === 0 || !existsSync(nice)) return [program, args];
  return [nice, ['-n', String(steps), program, ...args]];
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended between the check and the call.
  }
}
