import { Metadata, status } from '@grpc/grpc-js';
import {
  asBackupDataError,
  BackupDataError,
  type ErrorCode,
  type ErrorDocument,
  toErrorDocument,
} from '../../../shared/errors.ts';
import { errorKey } from './proto.ts';

/** How a call failed. */
export interface Failure {
  code: status;
  details: string;
  metadata: Metadata;
}

/** Characters of a sentence in metadata, which clients take only a few KiB of. */
const longest = 2_000;

/**
 * The status of an error, and the whole of it in metadata. One that nobody thought of is not told: what it says may be of
 * anything.
 */
export function failureOf(thrown: unknown): Failure {
  const error = asBackupDataError(thrown);
  const document = error.code === 'INTERNAL' ? untold : shortened(toErrorDocument(error));
  const metadata = new Metadata();
  metadata.set(errorKey, Buffer.from(JSON.stringify(document)));
  // It is encoded as a URI, which cannot hold half a character.
  return { code: statusOf[error.code], details: document.message.toWellFormed(), metadata };
}

/** What a call fails with once the server ends. */
export function stopping(): BackupDataError {
  return new BackupDataError('SERVER_UNAVAILABLE', 'the server is stopping; jobs go on', {
    hint: 'Ask again in a moment; `backupdata jobs list` shows what was asked for.',
  });
}

const untold = toErrorDocument(
  new BackupDataError('INTERNAL', 'the server failed at this', { hint: 'Its log says why.' }),
);

function shortened({ message, hint, ...rest }: ErrorDocument): ErrorDocument {
  return { ...rest, message: short(message), hint: hint && short(hint) };
}

function short(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

const statusOf = {
  USAGE: status.INVALID_ARGUMENT,
  CONFIG_INVALID: status.FAILED_PRECONDITION,
  CONFIG_DRIFT: status.FAILED_PRECONDITION,
  TOOL_MISSING: status.FAILED_PRECONDITION,
  TOOL_TOO_OLD: status.FAILED_PRECONDITION,
  STORAGE_AUTH: status.FAILED_PRECONDITION,
  IDENTITY_MISSING: status.FAILED_PRECONDITION,
  DATABASE_AUTH: status.FAILED_PRECONDITION,
  DATABASE_PERMISSION: status.FAILED_PRECONDITION,
  DATABASE_UNKNOWN: status.NOT_FOUND,
  DATABASE_MISSING: status.NOT_FOUND,
  STORAGE_UNKNOWN: status.NOT_FOUND,
  STORAGE_MISSING: status.NOT_FOUND,
  BACKUP_NOT_FOUND: status.NOT_FOUND,
  JOB_NOT_FOUND: status.NOT_FOUND,
  TABLE_NOT_FOUND: status.NOT_FOUND,
  OBJECT_NOT_FOUND: status.NOT_FOUND,
  TARGET_NOT_EMPTY: status.FAILED_PRECONDITION,
  TARGET_EXISTS: status.ALREADY_EXISTS,
  OWNER_MISSING: status.FAILED_PRECONDITION,
  STORAGE_FOREIGN: status.FAILED_PRECONDITION,
  RETRY_REFUSED: status.FAILED_PRECONDITION,
  REDIS_UNAVAILABLE: status.UNAVAILABLE,
  STORAGE_UNAVAILABLE: status.UNAVAILABLE,
  STORAGE_FULL: status.RESOURCE_EXHAUSTED,
  DISK_FULL: status.RESOURCE_EXHAUSTED,
  DATABASE_UNREACHABLE: status.UNAVAILABLE,
  KEY_INVALID: status.INVALID_ARGUMENT,
  PAYLOAD_INVALID: status.INVALID_ARGUMENT,
  OBJECT_EXISTS: status.ALREADY_EXISTS,
  OBJECT_DAMAGED: status.DATA_LOSS,
  MANIFEST_INVALID: status.DATA_LOSS,
  FORMAT_UNSUPPORTED: status.FAILED_PRECONDITION,
  DUMP_FAILED: status.ABORTED,
  BEFORE_FAILED: status.ABORTED,
  AFTER_FAILED: status.ABORTED,
  SIZE_ANOMALY: status.ABORTED,
  NOTIFICATION_FAILED: status.UNAVAILABLE,
  NOTIFICATION_REFUSED: status.FAILED_PRECONDITION,
  NOTIFIER_UNKNOWN: status.NOT_FOUND,
  SCHEDULE_NOT_FOUND: status.NOT_FOUND,
  DUMP_EMPTY: status.ABORTED,
  RESTORE_FAILED: status.ABORTED,
  VERIFY_FAILED: status.DATA_LOSS,
  // Of a job. DEADLINE_EXCEEDED is of the call.
  TIMEOUT: status.ABORTED,
  LOCK_LOST: status.ABORTED,
  LEASE_BUSY: status.ABORTED,
  SUPERSEDED: status.ABORTED,
  WORKER_LOST: status.ABORTED,
  // Of a job, too: CANCELLED would be the call.
  CANCELLED: status.ABORTED,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  FORBIDDEN: status.PERMISSION_DENIED,
  ORIGIN_REFUSED: status.PERMISSION_DENIED,
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  SERVER_UNAVAILABLE: status.UNAVAILABLE,
  ROUTE_NOT_FOUND: status.UNIMPLEMENTED,
  REQUEST_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  REQUEST_CONFLICT: status.ABORTED,
  INTERRUPTED: status.ABORTED,
  INTERNAL: status.INTERNAL,
} as const satisfies Record<ErrorCode, status>;
