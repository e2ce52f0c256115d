import type { Running } from './installation.ts';

/** One line of a worker's log. */
export interface LoggedLine {
  time: string;
  level: string;
  message: string;
  backupId?: string;
  attemptId?: string;
  attempt?: number;
  database?: string;
  job?: string;
  error?: { code?: string; message: string };
}

/** Every start of a run by one worker, in order. */
export function startsOf(worker: Pick<Running, 'log'>, backupId: string): LoggedLine[] {
  return linesOf(worker, backupId).filter(({ message }) => message === 'backup started');
}

/** What a worker with LOG_FORMAT=json has said of a run so far. */
export function linesOf(worker: Pick<Running, 'log'>, backupId: string): LoggedLine[] {
  const lines = wholeLines(worker)
    .filter(isLogged)
    .map((line): LoggedLine => JSON.parse(line));
  return lines.filter((line) => line.backupId === backupId);
}

/** What a worker wrote past its log: every line of that is one of JSON. */
export function strayLines(worker: Pick<Running, 'log'>): string[] {
  return wholeLines(worker).filter((line) => !isLogged(line));
}

function wholeLines({ log }: Pick<Running, 'log'>): string[] {
  return log().split('\n').slice(0, -1);
}

function isLogged(line: string): boolean {
  return line.startsWith('{"time":');
}
