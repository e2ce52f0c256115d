import { formatBytes, formatDuration } from '../../../shared/config/units.ts';
import type { Progress } from '../../../shared/queues/progress.ts';
import type { CliContext } from '../context.ts';

/** What one followed thing is doing now. */
export interface ProgressUpdate {
  /** What people know it by: a database's or a backup's name. */
  name: string;
  /** A few words: `waiting`, `dump`, `behind the active run`. */
  activity: string;
  progress: Progress | undefined;
}

/** Tells how things go, on stderr: one live line on a terminal, a line per change elsewhere, JSON lines with --json. */
export interface ProgressPrinter {
  update(update: ProgressUpdate): void;
  /** Takes the live line away, so that a result can be printed. */
  done(): void;
}

export function createProgressPrinter(context: CliContext): ProgressPrinter {
  if (context.json) return jsonPrinter(context);
  return context.host.stderr.isTTY === true ? livePrinter(context) : changePrinter(context);
}

function jsonPrinter({ host }: CliContext): ProgressPrinter {
  const told = new Map<string, string>();
  const update = (each: ProgressUpdate): void => {
    const line = JSON.stringify({ progress: { name: each.name, activity: each.activity, ...each.progress } });
    if (told.get(each.name) !== line) host.stderr.write(`${line}\n`);
    told.set(each.name, line);
  };
  return { update, done: () => undefined };
}

function changePrinter({ host }: CliContext): ProgressPrinter {
  const told = new Map<string, string>();
  const update = ({ name, activity }: ProgressUpdate): void => {
    if (told.get(name) === activity) return;
    told.set(name, activity);
    host.stderr.write(`${name}: ${activity}\n`);
  };
  return { update, done: () => undefined };
}

/** A terminal echoes Ctrl-C as `^C`. If that began another line, the live one could not be erased any more. */
const roomForInterrupt = 3;

function livePrinter({ host, clock }: CliContext): ProgressPrinter {
  const current = new Map<string, ProgressUpdate>();
  const erase = (): void => void host.stderr.write('\r\u001b[K');
  const update = (each: ProgressUpdate): void => {
    current.set(each.name, each);
    const line = summary([...current.values()], clock());
    host.stderr.write(`\r\u001b[K${line.slice(0, (host.stderr.columns ?? 80) - roomForInterrupt)}`);
  };
  return { update, done: erase };
}

function summary(updates: readonly ProgressUpdate[], now: Date): string {
  const [only] = updates;
  if (only && updates.length === 1) return describe(only, now);
  const active = updates.filter((each) => each.progress).length;
  const rate = updates.reduce((sum, each) => sum + (each.progress?.bytesPerSecond ?? 0), 0);
  return `${updates.length} databases, ${active} running, ${formatBytes(rate)}/s`;
}

function describe({ name, activity, progress }: ProgressUpdate, now: Date): string {
  if (!progress) return `${name}  ${activity}`;
  const { bytes, bytesPerSecond, expectedBytes, since } = progress;
  const elapsed = formatDuration(Math.max(0, now.getTime() - Date.parse(since)));
  const about = expectedBytes === null ? '' : ` of about ${formatBytes(expectedBytes)}`;
  return `${name}  ${activity}  ${formatBytes(bytes)}${about}  ${formatBytes(bytesPerSecond)}/s  ${elapsed}`;
}
