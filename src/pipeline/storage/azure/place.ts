import {
  AnonymousCredential,
  type BlockBlobClient,
  ContainerClient,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { AzureStorageConfig } from '../../../shared/config/storage-schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { createTextRedactor } from '../../../shared/redact-text.ts';
import { assertKey, invalidKey } from '../key.ts';

/** Does the work until it succeeds or there is no sense in trying again. */
export type Again = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** A storage's name in the configuration, its container, and how it is spoken to. */
export interface AzurePlace {
  storage: string;
  container: ContainerClient;
  /** In front of every key: empty, or the configured prefix and a slash. */
  root: string;
  accessTier: AzureStorageConfig['accessTier'];
  /** Milliseconds without a byte sent or received after which a request has failed. */
  requestTimeout: number;
  /** Tries a request of a put again. */
  again: Again;
  /** A text of the client library or the store without the secrets of this storage. */
  withoutSecrets: (text: string) => string;
}

/** The longest name of a blob, prefix included. */
const longestName = 1024;

/** CONFIG_INVALID when the connection string or the endpoint cannot be used. Sends nothing. */
export function openPlace(options: {
  name: string;
  config: AzureStorageConfig;
  requestTimeout: number;
  again: Again;
}): AzurePlace {
  const { name, config, requestTimeout, again } = options;
  const withoutSecrets = createSecretFilter(config);
  return {
    storage: name,
    container: openContainer(name, config, withoutSecrets),
    root: config.prefix === undefined ? '' : `${config.prefix}/`,
    accessTier: config.accessTier,
    requestTimeout,
    again,
    withoutSecrets,
  };
}

/** The name of the blob of a key. KEY_INVALID when the key breaks a rule, or is too long behind the prefix. */
export function blobName(place: AzurePlace, key: string): string {
  assertKey(key);
  const name = place.root + key;
  if (name.length <= longestName) return name;
  throw invalidKey(key, `behind the prefix of ${place.storage} it is longer than ${longestName} bytes`);
}

/** Sends nothing. KEY_INVALID as `blobName`. */
export function blobOf(place: AzurePlace, key: string): BlockBlobClient {
  return place.container.getBlockBlobClient(blobName(place, key));
}

function openContainer(
  name: string,
  config: AzureStorageConfig,
  withoutSecrets: (text: string) => string,
): ContainerClient {
  try {
    return containerClient(config);
  } catch (error) {
    const reason = withoutSecrets(error instanceof Error ? error.message : String(error));
    throw new BackupDataError('CONFIG_INVALID', `the storage ${name} cannot be opened: ${reason}`, {
      hint: 'Copy the connection string, or account and key, from "Access keys" of the storage account.',
    });
  }
}

function containerClient(config: AzureStorageConfig): ContainerClient {
  const { container, account = '', accountKey } = config;
  const connectionString = config.connectionString?.reveal();
  if (connectionString !== undefined)
    return new ContainerClient(withEndpoint(connectionString, config.endpoint), container, clientOptions);
  const endpoint = (config.endpoint ?? `https://${account}.blob.core.windows.net`).replace(/\/+$/, '');
  const url = `${endpoint}/${encodeURIComponent(container)}`;
  if (accountKey !== undefined) {
    const credential = new StorageSharedKeyCredential(account, accountKey.reveal());
    return new ContainerClient(url, credential, clientOptions);
  }
  const token = (config.sasToken?.reveal() ?? '').replace(/^\?/, '');
  return new ContainerClient(`${url}?${token}`, new AnonymousCredential(), clientOptions);
}

/** One try: whether and when to try again is decided for all storages in one place. */
const clientOptions: StoragePipelineOptions = { retryOptions: { maxTries: 1 } };

/** The endpoint of the configuration, where it is given, in place of the one in the connection string. */
function withEndpoint(connectionString: string, endpoint: string | undefined): string {
  if (endpoint === undefined) return connectionString;
  const rest = connectionString.split(';').filter((part) => !/^\s*BlobEndpoint\s*=/i.test(part));
  return [...rest.filter((part) => part !== ''), `BlobEndpoint=${endpoint}`].join(';');
}

/** Masks the secrets and whatever was made of them, and cuts off what follows the path in a URL, where tokens are. */
function createSecretFilter(config: AzureStorageConfig): (text: string) => string {
  const secrets = [config.connectionString, config.accountKey, config.sasToken]
    .filter((secret) => secret !== undefined)
    .map((secret) => secret.reveal());
  const hide = createTextRedactor(secrets.flatMap((secret) => [secret, ...secretsWithin(secret)]));
  return (text) => hide(text.replaceAll(/(https?:\/\/[^\s?"'<>]*)\?[^\s"'<>]*/gi, '$1'));
}

/** The key of a connection string, and the signature of a token, as it stands there and as it is meant. */
function secretsWithin(secret: string): string[] {
  const keys = [...secret.matchAll(/(?:AccountKey|SharedAccessSignature)=([^;]+)/gi)];
  const signatures = [...secret.matchAll(/(?:^|[?&;=])sig=([^&;]+)/gi)];
  const found = [...keys, ...signatures].flatMap(([, value]) => (value === undefined ? [] : [value]));
  return found.flatMap((value) => [value, decoded(value)]);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
