import { readFile } from 'node:fs/promises';

/** CPU seconds of a process so far. */
export interface CpuUsage {
  own: number;
  /** Of its children that have ended, and of theirs. */
  children: number;
}

/** What Linux calls USER_HZ: the unit in which it tells CPU times. */
const ticksPerSecond = 100;

/** Linux only. */
export async function cpuUsage(pid: number): Promise<CpuUsage> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in brackets, may hold spaces; after it come the state and then 10 fields before the times.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number);
  return { own: (user + system) / ticksPerSecond, children: (childUser + childSystem) / ticksPerSecond };
}

/** The most memory that the process ever had in RAM, in bytes. Linux only. */
export function peakMemory(pid: number): Promise<number> {
  return memoryAs(pid, /^VmHWM:\s*(\d+) kB$/m);
}

/** What it has there now, in bytes. Linux only. */
export function memoryNow(pid: number): Promise<number> {
  return memoryAs(pid, /^VmRSS:\s*(\d+) kB$/m);
}

async function memoryAs(pid: number, line: RegExp): Promise<number> {
  const kibibytes = line.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kibibytes === undefined) throw new Error(`the system does not tell the memory of process ${pid}`);
  return Number(kibibytes) * 1024;
}
