/**
 * Every error a person or a program can meet, as data: its stable code, the exit code of the command that
 * ends with it, and whether trying the same thing again can help. Codes are never reused or renamed.
 */
const catalog = {
  USAGE: { exit: 2, retryable: false },
  CONFIG_INVALID: { exit: 2, retryable: false },
  CONFIG_DRIFT: { exit: 2, retryable: false },
  TOOL_MISSING: { exit: 2, retryable: false },
  TOOL_TOO_OLD: { exit: 2, retryable: false },
  STORAGE_AUTH: { exit: 2, retryable: false },
  IDENTITY_MISSING: { exit: 2, retryable: false },
  DATABASE_AUTH: { exit: 2, retryable: false },
  DATABASE_PERMISSION: { exit: 2, retryable: false },
  DATABASE_UNKNOWN: { exit: 3, retryable: false },
  DATABASE_MISSING: { exit: 3, retryable: false },
  STORAGE_UNKNOWN: { exit: 3, retryable: false },
  STORAGE_MISSING: { exit: 3, retryable: false },
  BACKUP_NOT_FOUND: { exit: 3, retryable: false },
  JOB_NOT_FOUND: { exit: 3, retryable: false },
  TABLE_NOT_FOUND: { exit: 3, retryable: false },
  OBJECT_NOT_FOUND: { exit: 3, retryable: false },
  TARGET_NOT_EMPTY: { exit: 4, retryable: false },
  TARGET_EXISTS: { exit: 4, retryable: false },
  OWNER_MISSING: { exit: 4, retryable: false },
  STORAGE_FOREIGN: { exit: 4, retryable: false },
  RETRY_REFUSED: { exit: 4, retryable: false },
  REDIS_UNAVAILABLE: { exit: 5, retryable: true },
  STORAGE_UNAVAILABLE: { exit: 5, retryable: true },
  STORAGE_FULL: { exit: 5, retryable: true },
  DISK_FULL: { exit: 5, retryable: true },
  DATABASE_UNREACHABLE: { exit: 5, retryable: true },
  KEY_INVALID: { exit: 2, retryable: false },
  PAYLOAD_INVALID: { exit: 1, retryable: false },
  OBJECT_EXISTS: { exit: 1, retryable: false },
  OBJECT_DAMAGED: { exit: 1, retryable: false },
  MANIFEST_INVALID: { exit: 1, retryable: false },
  FORMAT_UNSUPPORTED: { exit: 1, retryable: false },
  DUMP_FAILED: { exit: 1, retryable: true },
  BEFORE_FAILED: { exit: 1, retryable: true },
  AFTER_FAILED: { exit: 1, retryable: false },
  SIZE_ANOMALY: { exit: 1, retryable: false },
  NOTIFICATION_FAILED: { exit: 5, retryable: true },
  NOTIFICATION_REFUSED: { exit: 2, retryable: false },
  NOTIFIER_UNKNOWN: { exit: 3, retryable: false },
  SCHEDULE_NOT_FOUND: { exit: 3, retryable: false },
  DUMP_EMPTY: { exit: 1, retryable: true },
  RESTORE_FAILED: { exit: 1, retryable: false },
  VERIFY_FAILED: { exit: 1, retryable: false },
  TIMEOUT: { exit: 1, retryable: true },
  LOCK_LOST: { exit: 1, retryable: true },
  LEASE_BUSY: { exit: 1, retryable: true },
  SUPERSEDED: { exit: 1, retryable: false },
  WORKER_LOST: { exit: 1, retryable: false },
  CANCELLED: { exit: 1, retryable: false },
  UNAUTHENTICATED: { exit: 2, retryable: false },
  FORBIDDEN: { exit: 4, retryable: false },
  ORIGIN_REFUSED: { exit: 4, retryable: false },
  RATE_LIMITED: { exit: 5, retryable: true },
  SERVER_UNAVAILABLE: { exit: 5, retryable: true },
  ROUTE_NOT_FOUND: { exit: 3, retryable: false },
  REQUEST_TOO_LARGE: { exit: 2, retryable: false },
  REQUEST_CONFLICT: { exit: 2, retryable: false },
  INTERRUPTED: { exit: 130, retryable: true },
  INTERNAL: { exit: 1, retryable: true },
} as const satisfies Record<string, { exit: number; retryable: boolean }>;

export type ErrorCode = keyof typeof catalog;

/** What an error looks like outside this process: in a job, in `--json` output, in an API answer. */
export interface ErrorDocument {
  code: ErrorCode;
  message: string;
  hint: string | null;
  retryable: boolean;
}

/**
 * The one error type of BackUpData. `message` is one sentence that says what is wrong; `hint` is one more that
 * names the next step. Neither may hold a secret.
 */
export class BackupDataError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | null;
  readonly retryable: boolean;
  /** Seconds after which trying again can help, where that is known. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown; retryAfter?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'BackupDataError';
    this.code = code;
    this.hint = options.hint ?? null;
    this.retryable = catalog[code].retryable;
    this.retryAfter = options.retryAfter;
  }
}

/** Any thrown value as a BackupDataError: itself, or INTERNAL with the original as its cause. */
export function asBackupDataError(thrown: unknown): BackupDataError {
  if (thrown instanceof BackupDataError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BackupDataError('INTERNAL', message || 'unknown failure', { cause: thrown });
}

export function hasCode(thrown: unknown, code: ErrorCode): thrown is BackupDataError {
  return thrown instanceof BackupDataError && thrown.code === code;
}

/**
 * Several failures of one kind of attempt as one error: its sentence names them all, and its code is that of one which
 * time may mend, where there is one.
 */
export function joinErrors([first, ...others]: readonly [
  BackupDataError,
  ...BackupDataError[],
]): BackupDataError {
  if (others.length === 0) return first;
  const all = [first, ...others];
  const { code, hint } = all.find((each) => each.retryable) ?? first;
  return new BackupDataError(code, all.map((each) => each.message).join('; '), {
    hint: hint ?? undefined,
    cause: first,
  });
}

export function exitCodeOf(code: ErrorCode): number {
  return catalog[code].exit;
}

export function toErrorDocument(thrown: unknown): ErrorDocument {
  const { code, message, hint, retryable } = asBackupDataError(thrown);
  return { code, message, hint, retryable };
}

/** Reads what `toErrorDocument` made. */
export function fromErrorDocument({ code, message, hint }: ErrorDocument): BackupDataError {
  return new BackupDataError(code, message, { hint: hint ?? undefined });
}

/**
 * A job keeps only a string of its failure. This is that string: readable in Bull Board, and
 * `fromFailedReason` reads it back whole.
 */
export function toFailedReason(thrown: unknown): string {
  const { code, message, hint } = asBackupDataError(thrown);
  return hint === null ? `[${code}] ${message}` : `[${code}] ${message}\nHINT: ${hint}`;
}

export function fromFailedReason(reason: string): BackupDataError {
  const match = /^\[([A-Z_]+)\] ([\s\S]*?)(?:\nHINT: ([\s\S]*))?$/.exec(reason);
  const code = match?.[1];
  if (!match || code === undefined || !isErrorCode(code)) return new BackupDataError('INTERNAL', reason);
  return new BackupDataError(code, match[2] ?? '', { hint: match[3] });
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(catalog, text);
}

/** Every code, in the order of the catalog. */
export const errorCodes = Object.keys(catalog) as readonly ErrorCode[];
