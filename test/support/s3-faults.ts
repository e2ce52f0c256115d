import { setTimeout as delay } from 'node:timers/promises';
import { type OpenOptions, openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import type { S3StorageConfig } from '../../src/shared/config/storage-schema.ts';
import { sharedCeph } from './ceph.ts';
import { s3Config, type TestBucket, withBucket } from './s3-bucket.ts';
import { openS3FaultProxy, type S3FaultProxy } from './s3-fault-proxy.ts';

/** A real S3 server behind a proxy that a test makes fail. */
export interface FaultyS3 {
  bucket: TestBucket;
  proxy: S3FaultProxy;
  /** The storage as it is reached through the proxy. */
  open(options?: Pick<OpenOptions, 'timeouts' | 'pace'>): Promise<Storage>;
  /** The settings of that storage. */
  config: S3StorageConfig;
  /** All of the bucket, past the proxy. */
  direct: Storage;
}

export async function withFaultyS3(
  use: (faulty: FaultyS3) => Promise<void>,
  changes: Partial<S3StorageConfig> = {},
): Promise<void> {
  const ceph = await sharedCeph();
  const proxy = await openS3FaultProxy(ceph.endpoint);
  try {
    await withBucket(ceph, async (bucket) => {
      const config = s3Config({ ...ceph, endpoint: proxy.endpoint }, bucket.name, changes);
      await use({
        bucket,
        proxy,
        config,
        open: (options = {}) => openStorage({ name: 'offsite', config, ...options }),
        direct: await openStorage({ name: 'direct', config: s3Config(ceph, bucket.name) }),
      });
    });
  } finally {
    await proxy.close();
    await ceph.stop();
  }
}

/** A clock on which patience ends `times` as soon, so that a test sees the end of it; pauses stay as they are. */
export function hasty(times: number): NonNullable<OpenOptions['pace']> {
  return {
    wait: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
    random: Math.random,
    now: () => performance.now() * times,
  };
}
