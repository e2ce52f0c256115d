import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { listEntries } from '../../src/pipeline/catalog/catalog.ts';
import { createBulk } from '../support/bulk-database.ts';
import { type Copies, withCopies } from '../support/copies.ts';
import type { Running } from '../support/installation.ts';
import { until } from '../support/until.ts';
import { linesOf } from '../support/worker-log.ts';

const signal = new AbortController().signal;

interface Midway {
  copies: Copies;
  worker: Running;
  backupId: string;
}

/** A worker in the middle of a copy of many volumes: some are in `offsite`, and no manifest. */
async function withCopyMidway(
  stopWith: 'SIGKILL' | 'SIGSTOP',
  use: (midway: Midway) => Promise<void>,
): Promise<void> {
  await withCopies(async (copies) => {
    const url = copies.postgres.url(await createBulk(copies.postgres, 48));
    const shop = { url, volumeSize: '1MiB', compression: { type: 'none' } };
    await copies.copyTo(['offsite'], {}, shop);
    const worker = await copies.start(['worker']);
    const backupId = await copies.backup();
    await until('the copy has begun', async () => (await objectsIn(copies, 'offsite')).length > 3);
    worker.child.kill(stopWith);
    const offsite = await copies.storage('offsite');
    assert.deepEqual(
      await listEntries({ storage: offsite, database: 'shop', signal }),
      [],
      'the copy was over before its worker was stopped',
    );
    await use({ copies, worker, backupId });
  });
}

/** Keys of every object but for marks. */
async function objectsIn(copies: Copies, name: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of (await copies.storage(name)).list('shop/', signal))
    if (!key.includes('.verified-')) keys.push(key);
  return keys;
}

async function assertSame(copies: Copies): Promise<void> {
  const [main, offsite] = [await copies.storage('main'), await copies.storage('offsite')];
  const keys = await objectsIn(copies, 'main');
  assert.deepEqual(await objectsIn(copies, 'offsite'), keys);
  for (const key of keys) {
    const bytes = await Promise.all(
      [main, offsite].map(async (storage) => buffer(await storage.get(key, { signal }))),
    );
    assert.ok(bytes[0]?.equals(bytes[1] ?? Buffer.alloc(0)), key);
  }
}

function made({ copies, backupId }: Pick<Midway, 'copies' | 'backupId'>): Promise<void> {
  return until(
    'the copy is there',
    async () => (await copies.shown(backupId))[0]?.state === 'copied',
    20_000,
  );
}

describe('a copy whose worker', () => {
  it('is killed is made by another, to the byte', () =>
    withCopyMidway('SIGKILL', async ({ copies, backupId }) => {
      await copies.start(['worker']);
      await made({ copies, backupId });
      await assertSame(copies);
    }));

  it('is stopped, and wakes up after another has made it, stays as it is', () =>
    withCopyMidway('SIGSTOP', async ({ copies, worker, backupId }) => {
      const next = await copies.start(['worker']);
      await made({ copies, backupId });
      await until('the other worker is done', () =>
        linesOf(next, backupId).some(({ message }) => message === 'copy committed'),
      );
      worker.child.kill('SIGCONT');
      await until('the first worker knows', () =>
        linesOf(worker, backupId).some(({ message }) =>
          /^(copy failed|the copy was|copy committed)/.test(message),
        ),
      );
      assert.equal(await worker.stop(), 0);
      await assertSame(copies);
    }));
});
