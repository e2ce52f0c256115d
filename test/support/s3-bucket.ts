import {
  AbortMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { GcsStorageConfig, S3StorageConfig } from '../../src/shared/config/storage-schema.ts';
import { Secret } from '../../src/shared/secret.ts';
import { openS3, type S3Account, type TestCeph } from './ceph.ts';

/** A bucket of one test, and what is in it by the stock client, past the code under test. */
export interface TestBucket {
  name: string;
  client: S3Client;
  /** The names of all objects, sorted. */
  objects(): Promise<string[]>;
  /** The names that unfinished uploads are for. */
  unfinished(): Promise<string[]>;
}

/** Gives a test a bucket of its own, which is emptied and removed afterwards. */
export async function withBucket<T>(ceph: TestCeph, use: (bucket: TestBucket) => Promise<T>): Promise<T> {
  const client = openS3(ceph);
  const name = await ceph.createBucket();
  try {
    const result = await use({
      name,
      client,
      objects: () => objectsOf(client, name),
      unfinished: async () => (await uploadsOf(client, name)).map(({ Key = '' }) => Key).sort(),
    });
    await removeBucket(client, name);
    return result;
  } finally {
    client.destroy();
  }
}

export function s3Config(
  { endpoint, accessKeyId, secretAccessKey }: S3Account,
  bucket: string,
  changes: Partial<S3StorageConfig> = {},
): S3StorageConfig {
  return {
    type: 's3',
    bucket,
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    accessKeyId: new Secret(accessKeyId),
    secretAccessKey: new Secret(secretAccessKey),
    checksum: 'WHEN_SUPPORTED',
    fence: 'conditional',
    ...changes,
  };
}

export function gcsConfig(
  { endpoint, accessKeyId, secretAccessKey }: S3Account,
  bucket: string,
): GcsStorageConfig {
  return {
    type: 'gcs',
    bucket,
    endpoint,
    accessKeyId: new Secret(accessKeyId),
    secretAccessKey: new Secret(secretAccessKey),
  };
}

/** The buckets of the server that no test made. */
export async function foreignBuckets(client: S3Client): Promise<string[]> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  return Buckets.map(({ Name = '' }) => Name).filter((name) => !/^b-[0-9a-f]{16}$/.test(name));
}

async function objectsOf(client: S3Client, Bucket: string): Promise<string[]> {
  const names: string[] = [];
  for (let StartAfter: string | undefined; ; StartAfter = names.at(-1)) {
    const { Contents = [], IsTruncated } = await client.send(
      new ListObjectsV2Command({ Bucket, StartAfter }),
    );
    names.push(...Contents.map(({ Key = '' }) => Key));
    if (!IsTruncated) return names.sort();
  }
}

async function uploadsOf(client: S3Client, Bucket: string) {
  const { Uploads = [], IsTruncated } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  if (IsTruncated) throw new Error('a test is not meant to have more than a page of unfinished uploads');
  return Uploads;
}

async function removeBucket(client: S3Client, Bucket: string): Promise<void> {
  for (const { Key, UploadId } of await uploadsOf(client, Bucket))
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  const names = await objectsOf(client, Bucket);
  for (let start = 0; start < names.length; start += 1000) {
    const Objects = names.slice(start, start + 1000).map((Key) => ({ Key }));
    await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
  }
  await client.send(new DeleteBucketCommand({ Bucket }));
}
