import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface RunProcess {
  pid: number;
  command: string;
}

/** How the processes of a test run are told from all others. */
export interface RunMark {
  /** `NAME=VALUE`, in the environment of every process that descends from the run. */
  variable: string;
  /** Where the run keeps its temporary files; servers that overwrite their environment still work in it. */
  directory: string;
}

/** The living processes of a run other than this one. Known from /proc, so only on Linux; elsewhere undefined. */
export async function runProcesses(mark: RunMark): Promise<RunProcess[] | undefined> {
  if (process.platform !== 'linux') return undefined;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const others = pids.filter((pid) => pid !== process.pid);
  const found = await Promise.all(others.map((pid) => ofRun(pid, mark)));
  return found.filter((each) => each !== undefined);
}

/** Waits until the run has no process left; those that are still alive after `patience` milliseconds. */
export async function lingeringProcesses(mark: RunMark, patience: number): Promise<RunProcess[] | undefined> {
  const deadline = performance.now() + patience;
  for (;;) {
    const alive = await runProcesses(mark);
    if (alive === undefined || alive.length === 0 || performance.now() > deadline) return alive;
    await delay(50);
  }
}

/** SIGTERM, five seconds for a clean end, then SIGKILL. */
export async function endProcesses(mark: RunMark): Promise<void> {
  send('SIGTERM', await runProcesses(mark));
  send('SIGKILL', await lingeringProcesses(mark, 5_000));
  await lingeringProcesses(mark, 5_000);
}

async function ofRun(pid: number, mark: RunMark): Promise<RunProcess | undefined> {
  const [environment, directory, command] = await Promise.all([
    readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
  ]);
  const marked = environment.split('\0').includes(mark.variable);
  const inside = directory === mark.directory || directory.startsWith(`${mark.directory}/`);
  return marked || inside ? { pid, command: command.replaceAll('\0', ' ').trim() } : undefined;
}

function send(signal: NodeJS.Signals, processes: readonly RunProcess[] = []): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself.
    }
  }
}
