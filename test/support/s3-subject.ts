import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { StorageConfig } from '../../src/shared/config/storage-schema.ts';
import type { StorageImplementation } from '../conformance/storage/subject.ts';
import type { S3Account, TestCeph } from './ceph.ts';
import { foreignBuckets, withBucket } from './s3-bucket.ts';

/** What the conformance suite needs of a storage that speaks S3, on a bucket of its own for every test. */
export function s3Subject(options: {
  ceph: () => TestCeph;
  config: (account: S3Account, bucket: string) => StorageConfig;
}): Pick<StorageImplementation, 'withSubject' | 'withStrangers'> {
  const { ceph, config } = options;
  return {
    withSubject: (use) =>
      withBucket(ceph(), async ({ name, client, unfinished }) =>
        use({
          storage: await openStorage({ name: 'main', config: config(ceph(), name) }),
          unfinished,
          outside: () => foreignBuckets(client),
        }),
      ),
    withStrangers: (use) =>
      withBucket(ceph(), async ({ name }) => {
        const open = (account: S3Account, bucket: string) =>
          openStorage({ name: 'main', config: config(account, bucket) });
        const { accessKeyId, secretAccessKey } = ceph();
        await use({
          wrongKey: await open({ ...ceph(), accessKeyId: 'nobody' }, name),
          wrongSecret: await open({ ...ceph(), secretAccessKey: `${secretAccessKey}x` }, name),
          missing: await open(ceph(), `${name}-missing`),
          secrets: [accessKeyId, secretAccessKey],
        });
      }),
  };
}
