import { z } from 'zod';
import { name, secretText, text } from './values.ts';

/** What every storage may say. */
const common = {
  /** Another installation's storage may be added to; only the one that it belongs to retires and sweeps there. */
  shared: z.boolean().optional(),
};

/** In front of every key, so that a bucket can hold other things too. */
const prefix = text
  .refine(
    (value) =>
      /^[A-Za-z0-9!_.'()-]+(\/[A-Za-z0-9!_.'()-]+)*$/.test(value) && !/(^|\/)\.\.?(\/|$)/.test(value),
    {
      message: 'not a prefix; write prod or team/prod, without a slash at either end',
    },
  )
  .optional();

const endpoint = text.refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
  message: 'not an endpoint; write https://HOST or http://HOST:PORT',
});

const localStorage = z.strictObject({ type: z.literal('local'), path: text, ...common });

const s3Storage = z
  .strictObject({
    type: z.literal('s3'),
    bucket: text,
    prefix,
    region: text.default('us-east-1'),
    /** AWS itself where it is not given. */
    endpoint: endpoint.optional(),
    forcePathStyle: z.boolean().default(false),
    /** Both, or neither: then the default credential chain of AWS decides. */
    accessKeyId: secretText.optional(),
    secretAccessKey: secretText.optional(),
    sessionToken: secretText.optional(),
    /** WHEN_REQUIRED for stores that do not know AWS's newer checksums. */
    checksum: z.enum(['WHEN_SUPPORTED', 'WHEN_REQUIRED']).default('WHEN_SUPPORTED'),
    storageClass: text.optional(),
    serverSideEncryption: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('AES256') }),
        z.strictObject({ type: z.literal('aws:kms'), kmsKeyId: text.optional() }),
      ])
      .optional(),
    /** best-effort for a store that ignores If-None-Match; `backupdata check` tells. */
    fence: z.enum(['conditional', 'best-effort']).default('conditional'),
    ...common,
  })
  .refine((storage) => (storage.accessKeyId === undefined) === (storage.secretAccessKey === undefined), {
    message: 'needs both accessKeyId and secretAccessKey, or neither',
  });

/** Google Cloud Storage by its S3 interface, with an HMAC key. */
const gcsStorage = z.strictObject({
  type: z.literal('gcs'),
  bucket: text,
  prefix,
  endpoint: endpoint.default('https://storage.googleapis.com'),
  accessKeyId: secretText,
  secretAccessKey: secretText,
  storageClass: text.optional(),
  ...common,
});

const azureStorage = z
  .strictObject({
    type: z.literal('azure'),
    container: text,
    prefix,
    connectionString: secretText.optional(),
    account: text.optional(),
    accountKey: secretText.optional(),
    sasToken: secretText.optional(),
    /** That of the account at blob.core.windows.net where it is not given. */
    endpoint: endpoint.optional(),
    accessTier: z.enum(['Hot', 'Cool', 'Cold']).optional(),
    ...common,
  })
  .refine(
    ({ connectionString, account, accountKey, sasToken }) =>
      connectionString === undefined
        ? account !== undefined && (accountKey === undefined) !== (sasToken === undefined)
        : account === undefined && accountKey === undefined && sasToken === undefined,
    { message: 'needs connectionString, or account with either accountKey or sasToken' },
  );

export const storageSchema = z.discriminatedUnion('type', [
  localStorage,
  s3Storage,
  gcsStorage,
  azureStorage,
]);

export const storagesSchema = z
  .record(name, storageSchema)
  .refine((all) => Object.keys(all).length > 0, { message: 'needs at least one storage' });

export type StorageConfig = z.output<typeof storageSchema>;
export type LocalStorageConfig = z.output<typeof localStorage>;
export type S3StorageConfig = z.output<typeof s3Storage>;
export type GcsStorageConfig = z.output<typeof gcsStorage>;
export type AzureStorageConfig = z.output<typeof azureStorage>;
