import { S3Client, type StorageClass } from '@aws-sdk/client-s3';
import type { GcsStorageConfig, S3StorageConfig } from '../../../shared/config/storage-schema.ts';
import type { Pace } from '../retry.ts';
import type { Storage } from '../storage.ts';
import { list } from './list.ts';
import type { S3Place } from './place.ts';
import { put } from './put.ts';
import { get } from './read.ts';
import { remove } from './remove.ts';
import { stat } from './stat.ts';
import { sweep } from './sweep.ts';

export interface S3StorageOptions {
  name: string;
  config: S3StorageConfig;
  /** Milliseconds: to connect, and without a byte moving on a connection. */
  timeouts: { connect: number; request: number };
  pace: Pace;
}

/**
 * More requests at the same time than a worker makes of one storage: one that has to wait for a connection counts as
 * one that cannot connect.
 */
const mostConnections = 256;

/** A bucket of Amazon S3, or of anything that speaks its protocol, as a storage. Every request is retried here, none by the SDK. */
export function createS3Storage(options: S3StorageOptions): Storage {
  const place = createPlace(options);
  return {
    name: options.name,
    get fence() {
      return place.fence;
    },
    put: (key, body, settings) => put(place, key, body, settings),
    get: (key, settings) => get(place, key, settings),
    stat: (key, signal) => stat(place, key, signal),
    list: (prefix, signal) => list(place, prefix, signal),
    remove: (keys, signal) => remove(place, keys, signal),
    sweep: (prefix, olderThan, signal) => sweep(place, prefix, olderThan, signal),
  };
}

/** Google Cloud Storage by its S3 interface, which ignores If-None-Match and does not know AWS's newer checksums. */
export function gcsAsS3({ bucket, prefix, endpoint, ...config }: GcsStorageConfig): S3StorageConfig {
  return {
    type: 's3',
    bucket,
    prefix,
    endpoint,
    region: 'auto',
    forcePathStyle: true,
    accessKeyId: config.accessKeyId,
    secretAccessKey: config.secretAccessKey,
    checksum: 'WHEN_REQUIRED',
    storageClass: config.storageClass,
    fence: 'best-effort',
  };
}

function createPlace({ name, config, timeouts, pace }: S3StorageOptions): S3Place {
  const { bucket, prefix, endpoint, fence, checksum, storageClass, serverSideEncryption } = config;
  return {
    storage: name,
    bucket,
    endpoint,
    fence,
    pace,
    client: createClient(config, timeouts),
    prefix: prefix === undefined ? '' : `${prefix}/`,
    checksums: checksum === 'WHEN_SUPPORTED',
    settings: {
      // Other stores than AWS have classes of their own.
      StorageClass: storageClass as StorageClass | undefined,
      ServerSideEncryption: serverSideEncryption?.type,
      SSEKMSKeyId: serverSideEncryption?.type === 'aws:kms' ? serverSideEncryption.kmsKeyId : undefined,
    },
  };
}

/** Idle connections keep no process alive, so the client needs no closing. */
function createClient(config: S3StorageConfig, timeouts: S3StorageOptions['timeouts']): S3Client {
  const { region, endpoint, forcePathStyle, checksum } = config;
  const agent = { maxSockets: mostConnections };
  return new S3Client({
    region,
    endpoint,
    forcePathStyle,
    credentials: credentialsOf(config),
    requestChecksumCalculation: checksum,
    responseChecksumValidation: checksum,
    maxAttempts: 1,
    // Asking before each part costs a round trip, and a connection of its own.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: timeouts.connect,
      socketTimeout: timeouts.request,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
}

/** Undefined for the default credential chain. */
function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: S3StorageConfig) {
  if (!accessKeyId || !secretAccessKey) return undefined;
  return {
    accessKeyId: accessKeyId.reveal(),
    secretAccessKey: secretAccessKey.reveal(),
    sessionToken: sessionToken?.reveal(),
  };
}
