import { RestError } from '@azure/storage-blob';
import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import { withoutRetry } from '../retry.ts';
import type { AzurePlace } from './place.ts';

/** The store's own name of what went wrong (`BlobNotFound`), and the status of its answer where there was one. */
interface Answer {
  code: string;
  status: number | undefined;
}

/**
 * What a failed request means, as the Storage contract says it. The cause is a summary: the client library's own error
 * holds the request, and with it tokens.
 */
export function azureFailure(place: AzurePlace, key: string | undefined, error: unknown): BackupDataError {
  const answer = answerOf(error);
  const failure = withMeaning(meaningOf(place, key, answer), summary(place, answer, error));
  return passes(answer) ? failure : withoutRetry(failure);
}

/** Whether the same request may well succeed a moment later: what the store calls wrong in it stays wrong. */
function passes({ status }: Answer): boolean {
  return status === undefined || status >= 500 || status === 408 || status === 429;
}

export function notFound(place: AzurePlace, key: string): BackupDataError {
  return withMeaning(absent(place, key));
}

export function exists(key: string): BackupDataError {
  return withMeaning(taken(key));
}

export function silent(place: AzurePlace): BackupDataError {
  const seconds = place.requestTimeout / 1000;
  return new BackupDataError('STORAGE_UNAVAILABLE', `${placeName(place)} was silent for ${seconds} s`, {
    hint: networkHint,
  });
}

/** `the storage main (the container backups)` */
export function placeName(place: AzurePlace): string {
  return `the storage ${place.storage} (the container ${place.container.containerName})`;
}

interface Meaning {
  code: ErrorCode;
  what: string;
  hint: string;
}

function withMeaning({ code, what, hint }: Meaning, cause?: unknown): BackupDataError {
  return new BackupDataError(code, what, { hint, cause });
}

const networkHint = 'Check the network, the name of the account and the endpoint, then try again.';

function meaningOf(place: AzurePlace, key: string | undefined, answer: Answer): Meaning {
  const where = placeName(place);
  const { code, status } = answer;
  const known = key === undefined ? undefined : meaningForKey(place, key, answer);
  if (known) return known;
  if (['ContainerNotFound', 'ContainerBeingDeleted', 'ContainerDisabled'].includes(code))
    return {
      code: 'STORAGE_MISSING',
      what: `${where} does not exist`,
      hint: 'Create the container, or correct its name in the configuration.',
    };
  if (status === 401 || status === 403 || Object.hasOwn(authHints, code))
    return {
      code: 'STORAGE_AUTH',
      what: `${where} refuses the credentials (${code})`,
      hint: authHints[code] ?? permissionHint,
    };
  if (status === 507 || /quota|capacity|insufficientstorage/i.test(code))
    return {
      code: 'STORAGE_FULL',
      what: `${where} has no space left (${code})`,
      hint: "Raise the account's limit, or retire old backups with `backupdata prune`.",
    };
  return {
    code: 'STORAGE_UNAVAILABLE',
    what: `${where} ${status === undefined ? 'could not be reached' : `answered ${status}`} (${code})`,
    hint:
      status === undefined ? networkHint : (hints[code] ?? 'Try again; the code says what Azure refused.'),
  };
}

function meaningForKey(place: AzurePlace, key: string, answer: Answer): Meaning | undefined {
  const { code, status } = answer;
  if (code === 'BlobNotFound') return absent(place, key);
  if (status === 412 || code === 'BlobAlreadyExists') return taken(key);
  if (status === 416)
    return {
      code: 'OBJECT_DAMAGED',
      what: `the object ${key} is shorter than the range that was asked for`,
      hint: 'Use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
    };
  return undefined;
}

function absent(place: AzurePlace, key: string): Meaning {
  return {
    code: 'OBJECT_NOT_FOUND',
    what: `the storage ${place.storage} has no object ${key}`,
    hint: 'List what it holds with `backupdata list`.',
  };
}

function taken(key: string): Meaning {
  return {
    code: 'OBJECT_EXISTS',
    what: `the object ${key} exists already`,
    hint: 'Objects are written once; read what is there.',
  };
}

const permissionHint =
  'Give it the permissions read, create, write, delete and list on the container, and let its firewall admit this machine.';
const authHints: Readonly<Record<string, string>> = {
  InvalidAuthenticationInfo: permissionHint,
  PublicAccessNotPermitted: permissionHint,
  // What whoever is not let in is told instead of whether there is such a thing.
  ResourceNotFound: 'Check the name of the account, and its key or token.',
  AuthenticationFailed:
    'Check the account key, or that the SAS token is whole and has not expired, and the clock of this machine.',
};
const hints: Readonly<Record<string, string>> = {
  BlobArchived:
    'It is in the Archive tier: set its tier to Cool or Hot, wait until that is done, and try again.',
  BlobImmutableDueToPolicy:
    'A retention policy of the container protects it; it can be removed once that ends.',
  InvalidBlockList:
    'The blocks of this upload are gone: a sweep removed them, or another writer stored the key. Run the backup again.',
  InvalidResourceName: 'Correct the name of the container: 3 to 63 of a-z, 0-9 and "-".',
};

function answerOf(error: unknown): Answer {
  if (!(error instanceof RestError)) return { code: nameOf(error), status: undefined };
  const header = error.response?.headers.get('x-ms-error-code');
  const status = error.response?.status ?? error.statusCode;
  return { code: header ?? error.code ?? (status === undefined ? error.name : `HTTP ${status}`), status };
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** The first line of a message says what is wrong; what follows repeats ids and, of a refused signature, what was signed. */
function summary(place: AzurePlace, { code, status }: Answer, error: unknown): Error {
  const message = place.withoutSecrets(error instanceof Error ? error.message : String(error));
  const [line = ''] = message.split('\n');
  const id = error instanceof RestError ? error.response?.headers.get('x-ms-request-id') : undefined;
  const texts = [line.slice(0, 300), id === undefined ? '' : `request ${id}`];
  return Object.assign(new Error(texts.filter((text) => text !== '').join(', ')), { code, status });
}
