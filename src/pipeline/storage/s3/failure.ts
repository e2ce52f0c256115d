import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import { withoutRetry } from '../retry.ts';

/** An S3 storage's name in the configuration, and where it is. */
export interface S3Location {
  storage: string;
  bucket: string;
  /** Undefined for AWS itself. */
  endpoint: string | undefined;
}

interface Explanation {
  code: ErrorCode;
  /** Goes behind the storage's name. */
  what: string;
  hint: string;
  /** Whether the same request may well succeed a moment later. */
  passes?: boolean;
}

/**
 * The error of a request as one of ours; `key` is the one that was asked for. Its cause keeps what the store said, but
 * nothing that was sent: a refused signature comes back with the request, session token and all.
 */
export function s3Failure(location: S3Location, error: unknown, key?: string): BackupDataError {
  if (error instanceof BackupDataError) return error;
  const answer = readAnswer(error);
  const explained =
    explainKey(answer, key) ??
    byName[answer.name] ??
    byNetwork(answer) ??
    byStatus(answer) ??
    unknownFailure(answer);
  const failure = new BackupDataError(
    explained.code,
    `the storage ${location.storage} (${describe(location)}) ${explained.what}`,
    { hint: explained.hint, cause: causeOf(answer) },
  );
  return explained.passes ? failure : withoutRetry(failure);
}

/** What the store called the failure, such as `NoSuchUpload`; of an error that `s3Failure` made. */
export function s3NameOf(error: unknown): string | undefined {
  return error instanceof BackupDataError && error.cause instanceof Error ? error.cause.name : undefined;
}

export function describe({ bucket, endpoint }: S3Location): string {
  return endpoint === undefined ? `bucket ${bucket}` : `bucket ${bucket} at ${new URL(endpoint).host}`;
}

interface Answer {
  name: string;
  message: string;
  /** Of HTTP; undefined when there was no answer. */
  status: number | undefined;
  requestId: string | undefined;
  /** Of the system or TLS: ECONNREFUSED. */
  errno: string;
}

/** The SDK's errors are told by their shape: they come from several packages, and from Node itself. */
function readAnswer(error: unknown): Answer {
  const fields = typeof error === 'object' && error !== null ? error : {};
  const metadata = '$metadata' in fields && typeof fields.$metadata === 'object' ? fields.$metadata : null;
  const status =
    metadata && 'httpStatusCode' in metadata && typeof metadata.httpStatusCode === 'number'
      ? metadata.httpStatusCode
      : undefined;
  const requestId =
    metadata && 'requestId' in metadata && typeof metadata.requestId === 'string'
      ? metadata.requestId
      : undefined;
  const errno = 'code' in fields && typeof fields.code === 'string' ? fields.code : '';
  const name = 'name' in fields && typeof fields.name === 'string' ? fields.name : 'Error';
  const message = error instanceof Error ? error.message : String(error);
  return { name, message: message || errno || name, status, requestId, errno };
}

function causeOf({ name, message, status, requestId, errno }: Answer): Error {
  const where = [status && `HTTP ${status}`, requestId && `request ${requestId}`].filter(Boolean).join(', ');
  const cause = new Error(where === '' ? message : `${message} (${where})`);
  return Object.assign(cause, { name }, errno !== '' && { code: errno });
}

function explainKey({ name, status }: Answer, key: string | undefined): Explanation | undefined {
  if (key === undefined) return undefined;
  if (name === 'NoSuchKey' || (status === 404 && name === 'NotFound')) {
    return {
      code: 'OBJECT_NOT_FOUND',
      what: `has no object ${key}`,
      hint: 'List what it holds with `backupdata list`.',
    };
  }
  if (name === 'PreconditionFailed' || status === 412) {
    return {
      code: 'OBJECT_EXISTS',
      what: `has an object ${key} already`,
      hint: 'Objects are written once; read what is there.',
    };
  }
  if (name === 'InvalidObjectState') {
    return {
      code: 'STORAGE_UNAVAILABLE',
      what: `has archived the object ${key}, which cannot be read as it is`,
      hint: 'Restore it from the archive with the tools of the store, then try again.',
    };
  }
  return undefined;
}

const refusedKeys: Explanation = {
  code: 'STORAGE_AUTH',
  what: 'refuses the credentials',
  hint: 'Check accessKeyId and secretAccessKey of this storage, or what the default credential chain finds.',
};
const expired: Explanation = {
  code: 'STORAGE_AUTH',
  what: 'says that the credentials have expired',
  hint: 'Get new ones; a session token lives for hours only.',
};
const noCredentials: Explanation = {
  code: 'STORAGE_AUTH',
  what: 'has no credentials',
  hint: 'Set accessKeyId and secretAccessKey, or give this process a role or a profile of the default credential chain.',
};
const denied: Explanation = {
  code: 'STORAGE_AUTH',
  what: 'does not permit the request',
  hint: 'Give these credentials the permissions that docs/storages.md lists; check the policy of the bucket, too.',
};
const full: Explanation = {
  code: 'STORAGE_FULL',
  what: 'has reached its quota',
  hint: 'Raise the quota, or retire old backups with `backupdata prune`.',
};
const elsewhere: Explanation = {
  code: 'CONFIG_INVALID',
  what: 'is in another region, or has another endpoint',
  hint: 'Set region, and endpoint where it is not AWS, to those of the bucket.',
};
const busy: Explanation = {
  code: 'STORAGE_UNAVAILABLE',
  what: 'is too busy',
  hint: 'Try again later; with many workers, start fewer at the same time.',
  passes: true,
};
const silent: Explanation = {
  code: 'STORAGE_UNAVAILABLE',
  what: 'did not answer in time',
  hint: 'Check the way to it; timeouts.connect and timeouts.request set the limits.',
  passes: true,
};

const byName: Readonly<Record<string, Explanation>> = {
  NoSuchBucket: {
    code: 'STORAGE_MISSING',
    what: 'does not exist',
    hint: 'Create the bucket, or correct its name in the configuration.',
  },
  InvalidAccessKeyId: refusedKeys,
  SignatureDoesNotMatch: refusedKeys,
  InvalidClientTokenId: refusedKeys,
  InvalidToken: refusedKeys,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  CredentialsProviderError: noCredentials,
  TokenProviderError: noCredentials,
  AccessDenied: denied,
  AllAccessDisabled: denied,
  AccountProblem: denied,
  RequestTimeTooSkewed: {
    code: 'STORAGE_AUTH',
    what: 'finds the clock of this machine wrong',
    hint: 'Set the clock, with NTP for example.',
  },
  QuotaExceeded: full,
  StorageFull: full,
  XMinioStorageFull: full,
  InsufficientCapacity: full,
  PermanentRedirect: elsewhere,
  AuthorizationHeaderMalformed: elsewhere,
  IllegalLocationConstraintException: elsewhere,
  NoSuchUpload: {
    code: 'STORAGE_UNAVAILABLE',
    what: 'has removed the upload before its end',
    hint: 'A sweep or a lifecycle rule of the bucket did; let it keep unfinished uploads for longer than a dump takes.',
  },
  NotImplemented: {
    code: 'STORAGE_UNAVAILABLE',
    what: 'does not know a kind of request that is needed',
    hint: 'docs/storages.md says what a store must know; use a newer release of its server.',
  },
  SlowDown: busy,
  ServiceUnavailable: busy,
  TooManyRequests: busy,
  RequestTimeout: silent,
  TimeoutError: silent,
  ConditionalRequestConflict: busy,
  OperationAborted: busy,
};

function byNetwork({ status, errno, message }: Answer): Explanation | undefined {
  if (status !== undefined || errno === '') return undefined;
  const unreachable = { code: 'STORAGE_UNAVAILABLE', what: `cannot be reached: ${message}` } as const;
  if (errno === 'ENOTFOUND' || errno === 'EAI_AGAIN') {
    return {
      ...unreachable,
      hint: 'Check its endpoint, and set forcePathStyle where buckets have no host names of their own.',
      passes: true,
    };
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_|EPROTO|ERR_SSL/.test(errno)) {
    return {
      ...unreachable,
      hint: 'Check the certificate; NODE_EXTRA_CA_CERTS names a file of more authorities, http:// an endpoint without TLS.',
    };
  }
  return {
    ...unreachable,
    hint: 'Check its endpoint, the network, and that the server runs.',
    passes: true,
  };
}

function byStatus({ status = 0, name }: Answer): Explanation | undefined {
  if (status === 401 || status === 403) return denied;
  if (status === 301 || status === 307) return elsewhere;
  if (status === 408) return silent;
  if (status === 429) return busy;
  if (status === 507) return full;
  if (status >= 500) {
    return {
      code: 'STORAGE_UNAVAILABLE',
      what: `fails with HTTP ${status} (${name})`,
      hint: 'Try again later; its own log says more.',
      passes: true,
    };
  }
  return undefined;
}

/** No service answered that, and no system: an answer that is no S3, or one that was cut off. */
function unknownFailure({ status, name, message }: Answer): Explanation {
  return {
    code: 'STORAGE_UNAVAILABLE',
    what: status === undefined ? `fails: ${message}` : `answers HTTP ${status} (${name}): ${message}`,
    hint: 'Check that the endpoint speaks S3, and the settings of this storage.',
    passes: status === undefined || status < 400,
  };
}
