import { type ChildProcess, type IOType, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { StageExit } from './failure.ts';
import type { Stage } from './stage.ts';
import { keepTail } from './tail.ts';
import { withUnnamedFiles } from './unnamed-files.ts';

const setpriv = '/usr/bin/setpriv';
const nice = '/usr/bin/nice';

/** A started program, as the process that answers for it sees it. */
export interface Child {
  process: ChildProcess;
  /** Resolves once the program is gone and its streams are closed; never rejects. */
  closed: Promise<StageExit>;
  /** Sends a signal to the program and everything that it started. Harmless once it is gone. */
  stop(signal: NodeJS.Signals): void;
}

type Command = readonly [program: string, args: readonly string[]];

/** What a program's stdin, stdout and stderr are. */
export type Stdio = readonly [IOType | number, IOType | Writable, IOType];

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
  const stderr = keepTail(child.stderr);
  let sent: NodeJS.Signals | undefined;
  let gone = false;
  const closed = new Promise<StageExit>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null, failure?: Error): void => {
      gone = true;
      // SIGKILL leaves no exit code: a program that has one was ending by itself.
      const stopped = sent !== undefined && !(sent === 'SIGKILL' && signal === null);
      const words = failure?.message ?? withoutSecrets(stage, stderr());
      const ran = failure === undefined && !isRefusalToStart({ code, words });
      resolve({ program: stage.program, code: ran ? code : null, signal, stderr: words, stopped });
    };
    child.once('error', (error) => end(null, null, error));
    child.once('close', (code, signal) => end(code, signal));
  });
  const stop = (signal: NodeJS.Signals): void => {
    if (gone || child.pid === undefined) return;
    // One that has ended by itself is not stopped; what it started may still be.
    if (child.exitCode === null && child.signalCode === null) sent ??= signal;
    killGroup(child.pid, signal);
  };
  return { process: child, closed, stop };
}

/** `setpriv` and `nice` end with one of two codes when they cannot start the program: then the program has said nothing. */
function isRefusalToStart({ code, words }: { code: number | null; words: string }): boolean {
  return (code === 126 || code === 127) && /^(setpriv|\/usr\/bin\/nice|nice): /.test(words);
}

/** What a program says reaches people and a storage, and it may quote the files and the environment that it was given. */
function withoutSecrets({ files = [], secrets = [] }: Stage, text: string): string {
  const given = [
    ...files.map((file) => ({ file, shortest: 8 })),
    ...secrets.map((file) => ({ file, shortest: 4 })),
  ];
  const lines = given.flatMap(({ file, shortest }) =>
    file
      .reveal()
      .split('\n')
      .filter((line) => line.length >= shortest),
  );
  return lines.reduce((shown, line) => shown.replaceAll(line, '[redacted]'), text);
}

/** On Linux a program is killed by the kernel when the worker dies, however it dies: nobody else would stop it. */
function dyingWithParent([program, args]: Command): Command {
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
