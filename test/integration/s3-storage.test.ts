import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import { checkStorage } from '../../src/producer/check/storage.ts';
import { hasCode } from '../../src/shared/errors.ts';
import { bodyOf, heldBody, keysOf } from '../conformance/storage/subject.ts';
import { sharedCeph } from '../support/ceph.ts';
import { gcsConfig, s3Config, withBucket } from '../support/s3-bucket.ts';
import { withFaultyS3 } from '../support/s3-faults.ts';
import { until } from '../support/until.ts';

const mebibyte = 1024 * 1024;
const hour = 3_600_000;
const prefixed = { prefix: 'team/prod' };
const root = join(import.meta.dirname, '..', '..');

describe('an S3 storage with a prefix', () => {
  it('keeps to it: in front of every key, and nowhere else', ({ signal }) =>
    withFaultyS3(async ({ bucket, direct: whole, open }) => {
      for (const key of ['other/a', 'team/production/a', 'team/prod'])
        await whole.put(key, Buffer.from('x'), { signal });
      const storage = await open();
      await storage.put('shop/catalog/x.json', Buffer.from('mine'), { signal, ifAbsent: true });
      assert.ok((await bucket.objects()).includes('team/prod/shop/catalog/x.json'));
      assert.deepEqual(await keysOf(storage, '', signal), ['shop/catalog/x.json']);
      assert.deepEqual(await keysOf(storage, 'shop/c', signal), ['shop/catalog/x.json']);
      assert.equal((await storage.stat('shop/catalog/x.json', signal)).key, 'shop/catalog/x.json');
      await assert.rejects(storage.stat('a', signal), (error) => hasCode(error, 'OBJECT_NOT_FOUND'));
      await storage.remove(['shop/catalog/x.json', 'a'], signal);
      assert.deepEqual(await bucket.objects(), ['other/a', 'team/prod', 'team/production/a']);
    }, prefixed));

  it('sweeps no upload beside it', ({ signal }) =>
    withFaultyS3(async ({ bucket, direct: whole, open }) => {
      const { body, release } = heldBody(Buffer.alloc(17 * mebibyte));
      const put = whole.put('team/production/a', body, { signal });
      await until('the put is under way', async () => (await bucket.unfinished()).length === 1);
      assert.equal(await (await open()).sweep('', new Date(Date.now() + hour), signal), 0);
      release();
      assert.equal((await put).bytes, 17 * mebibyte);
    }, prefixed));

  it('refuses a key that would be too long behind it', ({ signal }) =>
    withFaultyS3(async ({ open, proxy }) => {
      const key = `${'abcdefg/'.repeat(127)}1234567`;
      await assert.rejects((await open()).put(key, Buffer.from('x'), { signal }), (error) =>
        hasCode(error, 'KEY_INVALID'),
      );
      assert.deepEqual(proxy.seen, []);
    }, prefixed));
});

describe('an S3 storage', () => {
  it('asks for its storage class and encryption, of small objects and large ones', ({ signal }) =>
    withBucketSettings(
      { storageClass: 'STANDARD_IA', serverSideEncryption: { type: 'aws:kms', kmsKeyId: 'key-1' } },
      async (storage, seen) => {
        await assert.rejects(storage.put('a', Buffer.from('x'), { signal }));
        await assert.rejects(storage.put('b', bodyOf(Buffer.alloc(9 * mebibyte)), { signal }));
        assert.deepEqual(
          seen().map(({ operation }) => operation),
          ['PutObject', 'CreateMultipartUpload'],
        );
        for (const { headers } of seen()) {
          assert.equal(headers['x-amz-storage-class'], 'STANDARD_IA');
          assert.equal(headers['x-amz-server-side-encryption'], 'aws:kms');
          assert.equal(headers['x-amz-server-side-encryption-aws-kms-key-id'], 'key-1');
        }
      },
    ));

  it('sends checksums only where the store is said to know them', async ({ signal }) => {
    for (const checksum of ['WHEN_SUPPORTED', 'WHEN_REQUIRED'] as const) {
      await withBucketSettings({ checksum }, async (storage, seen) => {
        await assert.rejects(storage.put('a', Buffer.from('x'), { signal }));
        const [request] = seen();
        assert.equal(request?.headers['x-amz-checksum-crc32'] !== undefined, checksum === 'WHEN_SUPPORTED');
        assert.equal(request?.headers['content-length'], '1');
      });
    }
  });

  it('is found in order by `check`, which names its fence', async ({ signal }) => {
    const ceph = await sharedCeph();
    try {
      await withBucket(ceph, async ({ name, objects }) => {
        for (const [config, fence] of [
          [s3Config(ceph, name), 'conditional'],
          [s3Config(ceph, name, { fence: 'best-effort' }), 'best-effort'],
          [gcsConfig(ceph, name), 'best-effort'],
        ] as const) {
          const storage = await openStorage({ name: 'main', config });
          const owned = { installation: 'ours', shared: false };
          const subject = { storage, ...owned, randomText: () => 'probe', signal };
          assert.deepEqual(
            (await checkStorage(subject)).map(({ status, detail }) => [status, detail]),
            [['ok', `writes, reads and removes; fence: ${fence}`]],
          );
          assert.deepEqual(await objects(), []);
        }
      });
    } finally {
      await ceph.stop();
    }
  });

  it('holds no process back that has done its work', async () => {
    const ceph = await sharedCeph();
    try {
      await withBucket(ceph, async ({ name }) => {
        const script = `
          import { openStorage } from './src/pipeline/storage/open.ts';
          import { Secret } from './src/shared/secret.ts';
          const { accessKeyId, secretAccessKey, ...config } = JSON.parse(process.env.STORAGE);
          const keys = { accessKeyId: new Secret(accessKeyId), secretAccessKey: new Secret(secretAccessKey) };
          const storage = await openStorage({ name: 'main', config: { ...config, ...keys } });
          const { signal } = new AbortController();
          await storage.put('a', Buffer.alloc(9_000_000), { signal });
          await (await storage.get('a', { signal })).toArray();
          process.stdout.write('done ' + performance.now());
          process.on('exit', () => process.stdout.write(' ' + performance.now()));`;
        const { stdout } = await promisify(execFile)(
          process.execPath,
          ['--input-type=module', '-e', script],
          {
            cwd: root,
            env: {
              ...process.env,
              STORAGE: JSON.stringify({ ...s3Config(ceph, name), ...ceph, stop: undefined }),
            },
          },
        );
        const [, done, gone] = /^done (\S+) (\S+)$/.exec(stdout) ?? [];
        assert.ok(Number(gone) - Number(done) < 1_000, stdout);
      });
    } finally {
      await ceph.stop();
    }
  });
});

/** A storage whose every write is refused, to see what it asked for. */
async function withBucketSettings(
  changes: Parameters<typeof s3Config>[2],
  use: (
    storage: Awaited<ReturnType<typeof openStorage>>,
    seen: () => { operation: string; headers: Record<string, string | string[] | undefined> }[],
  ) => Promise<void>,
): Promise<void> {
  await withFaultyS3(async ({ open, proxy }) => {
    proxy.decide(() => ({ kind: 'answer', status: 403, code: 'AccessDenied' }));
    await use(await open(), () => [...proxy.seen]);
  }, changes);
}
