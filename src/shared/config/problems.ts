import { BackupDataError } from '../errors.ts';

/** Where something is in the configuration: `['databases', 'shop', 'url']`. */
export type Path = readonly (string | number)[];

/** One thing that is wrong. `message` never holds a value of the configuration, because any value may be a secret. */
export interface Problem {
  path: Path;
  message: string;
}

/** Where a path was written. Line and column count from 1; 0 when it has none. */
export interface Place {
  line: number;
  column: number;
  /** As a message begins: `backupdata.yaml:3:5: databases.shop.url` or `environment: DATABASE_URL`. */
  label: string;
}

const shownProblems = 50;

/** One CONFIG_INVALID for all problems, one per line, in the order in which they were written. */
export function configInvalid(
  problems: readonly Problem[],
  options: { locate: (path: Path) => Place; hint?: string },
): BackupDataError {
  const { locate, hint = 'Correct this and try again; `backupdata config example` shows every key.' } =
    options;
  const placed = problems.map(({ path, message }) => ({ ...locate(path), message }));
  const sorted = placed.sort((a, b) => a.line - b.line || a.column - b.column);
  const lines = sorted.slice(0, shownProblems).map(({ label, message }) => `${label}: ${message}`);
  const hidden = problems.length - lines.length;
  if (hidden > 0) lines.push(`and ${hidden} more`);
  return new BackupDataError('CONFIG_INVALID', lines.join('\n'), { hint });
}

/** `databases.shop.url`; a key that could be a misplaced value is not printed. */
export function printPath(path: Path): string {
  return path.map((segment) => printKey(String(segment))).join('.');
}

export function printKey(key: string): string {
  return /^[\w.-]{1,63}$/.test(key) ? key : '(key)';
}
