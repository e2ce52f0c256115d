import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { readManifestFile } from '../../src/pipeline/catalog/catalog.ts';
import { databaseFolder } from '../../src/pipeline/catalog/keys.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { makeAgeKey } from '../support/age.ts';
import { sharedCeph } from '../support/ceph.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { startPostgres } from '../support/postgres.ts';
import { contentOf, createSample, type Sample } from '../support/postgres-sample.ts';
import { s3Config, withBucket } from '../support/s3-bucket.ts';
import { clientPrograms, commandsOf, connectionTo, openStockShell } from '../support/stock-shell.ts';
import { until } from '../support/until.ts';

const signal = AbortSignal.timeout(120_000);
const [ours, escrow] = await Promise.all([makeAgeKey(), makeAgeKey()]);

describe('an encrypted backup in S3 with a copy in another bucket, when the first bucket is lost', () => {
  it('is restored from the copy, and by stock tools alone from the bytes of its objects', (context) =>
    withTwoBuckets(async ({ storages, main, offsite }) =>
      withInstallation(async (installation) => {
        const sample = await createSample(installation.postgres);
        const backupId = await backUpAndCopy(installation, { storages, sample, offsite });
        const [there, here] = await Promise.all(
          [offsite, main].map((storage) => readManifestFile({ storage, backupId, signal })),
        );
        assert.ok(there && here?.file.equals(there.file), 'the manifests differ');
        await loseAll(main);

        await context.test('by the command line, on a machine that has the key', async () => {
          await configure(installation, { storages, sample, identities: [ours.identity.reveal()] });
          const target = installation.postgres.uniqueName();
          const args = ['restore', 'shop', '--to', `shop/${target}`, '--create', '--here'];
          const ended = await installation.run(...args);
          assert.equal(ended.code, 0, ended.stderr);
          assert.deepEqual(await contentOf(installation.postgres.url(target)), await contentOf(sample.url));
        });

        await context.test('by RESTORE.md, with the key that was kept elsewhere', async () => {
          const folder = join(installation.path, 'objects');
          await mkdir(folder);
          const volumes = there.manifest.parts.flatMap((part) => part.volumes);
          for (const { key } of volumes) {
            const body = await offsite.get(databaseFolder('shop') + key, { signal });
            await writeFile(join(folder, basename(key)), await buffer(body));
          }
          await writeFile(join(folder, 'identity.txt'), `${escrow.identity.reveal()}\n`);
          await followInstructions(folder, join(installation.path, 'bin'), sample);
        });
      }),
    ));
});

interface Buckets {
  /** As the configuration says them. */
  storages: Record<string, object>;
  main: Storage;
  offsite: Storage;
}

async function withTwoBuckets(use: (buckets: Buckets) => Promise<void>): Promise<void> {
  const ceph = await sharedCeph();
  try {
    await withBucket(ceph, (first) =>
      withBucket(ceph, async (second) => {
        const { endpoint, accessKeyId, secretAccessKey } = ceph;
        const plain = { type: 's3', endpoint, accessKeyId, secretAccessKey, forcePathStyle: true };
        await use({
          storages: {
            main: { ...plain, bucket: first.name, prefix: 'prod' },
            offsite: { ...plain, bucket: second.name },
          },
          main: await openStorage({ name: 'main', config: s3Config(ceph, first.name, { prefix: 'prod' }) }),
          offsite: await openStorage({ name: 'offsite', config: s3Config(ceph, second.name) }),
        });
      }),
    );
  } finally {
    await ceph.stop();
  }
}

function configure(
  { configure: write }: Installation,
  {
    storages,
    sample,
    identities,
  }: Pick<Buckets, 'storages'> & { sample: Sample; identities: readonly string[] },
): Promise<void> {
  const encryption = { type: 'age', recipients: [ours.recipient, escrow.recipient] };
  const shop = { engine: 'postgres', url: sample.url, storage: 'main', copies: ['offsite'], encryption };
  return write({ storages, databases: { shop }, identities });
}

/** By a worker that has no secret key. */
async function backUpAndCopy(
  installation: Installation,
  { storages, sample, offsite }: Pick<Buckets, 'storages' | 'offsite'> & { sample: Sample },
): Promise<string> {
  await configure(installation, { storages, sample, identities: [] });
  const worker = await installation.start(['worker']);
  const made = await installation.run('backup', 'shop', '--json');
  assert.equal(made.code, 0, made.stderr);
  const [run] = made.json<{ runs: { backupId: string }[] }>().runs;
  const backupId = run?.backupId ?? '';
  await until('the copy is committed', async () => {
    const keys = await Array.fromAsync(offsite.list('shop/catalog/', signal), ({ key }) => key);
    return keys.includes(`shop/catalog/${backupId}.json`);
  });
  await worker.stop();
  return backupId;
}

async function loseAll(storage: Storage): Promise<void> {
  const keys = await Array.fromAsync(storage.list('', signal), ({ key }) => key);
  assert.ok(keys.length >= 5, String(keys));
  await storage.remove(keys, signal);
}

async function followInstructions(folder: string, bin: string, sample: Sample): Promise<void> {
  const shell = await openStockShell({ folder, bin, programs: [...clientPrograms, 'age', 'zstd'] });
  const [show = '', ...restore] = await commandsOf(folder);
  const shown = await shell.run(show);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /CREATE TABLE sales\.orders/);
  const server = await startPostgres();
  try {
    for (const command of restore) {
      const ended = await shell.run(command, connectionTo(server));
      assert.equal(ended.code, 0, `${command}\n${ended.stderr}`);
    }
    assert.deepEqual(await contentOf(server.url('restored')), await contentOf(sample.url));
  } finally {
    await server.stop();
  }
}
