import { asBackupDataError, exitCodeOf } from '../../shared/errors.ts';

/** What a check found of one thing, and how to mend it. */
export interface Finding {
  /** The thing: `redis`, `storage main`, `database shop`. */
  name: string;
  /** A `warning` works, but not as well as it could. */
  status: 'ok' | 'warning' | 'problem';
  detail: string;
  hint: string | null;
  /** What `check` ends with when this is its first problem. */
  exit: number;
}

export function ok(name: string, detail: string): Finding {
  return { name, status: 'ok', detail, hint: null, exit: 0 };
}

export function warning(name: string, detail: string, hint: string): Finding {
  return { name, status: 'warning', detail, hint, exit: 0 };
}

export function problem(name: string, found: { detail: string; hint: string; exit: number }): Finding {
  return { name, status: 'problem', ...found };
}

/** Runs one check; its failure is a finding like any other, so that the other checks go on. */
export async function examine(
  name: string,
  signal: AbortSignal,
  check: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    signal.throwIfAborted();
    const { message, hint, code } = asBackupDataError(error);
    return [{ name, status: 'problem', detail: message, hint, exit: exitCodeOf(code) }];
  }
}
