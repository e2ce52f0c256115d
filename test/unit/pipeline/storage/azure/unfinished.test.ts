import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ContainerClient } from '@azure/storage-blob';
import { bodyOf, heldBody, keysOf, readObject } from '../../../../conformance/storage/subject.ts';
import { withAzureSubject } from '../../../../support/azure-subject.ts';
import { startAzurite, type TestAzurite } from '../../../../support/azurite.ts';
import { until } from '../../../../support/until.ts';

const large = 17 * 1024 * 1024;
const hour = 3_600_000;
const removedType = 'application/vnd.backupdata.removed';

describe('what a put to Azure leaves unfinished', () => {
  let azurite: TestAzurite;
  before(async () => {
    azurite = await startAzurite();
  });
  after(() => azurite.stop());

  it('is never seen as an object while it is removed, nor in the way of one', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, direct, way, container, unfinished }) => {
      const go = Promise.withResolvers<void>();
      way.faults(({ name }) => (name === 'DELETE' ? { kind: 'early', until: go.promise } : undefined));
      const { body } = heldBody(Buffer.alloc(large));
      const put = assert.rejects(storage.put('a', body, { signal }));
      await until('there are blocks', async () => (await unfinished()).length > 0);
      body.destroy();
      await until('they are being removed', () => way.seen.some(({ name }) => name === 'DELETE'));

      const { contentType } = await container.getBlobClient('a').getProperties();
      assert.equal(contentType, removedType);
      assert.deepEqual(await keysOf(direct, '', signal), []);
      await assert.rejects(direct.stat('a', signal), { code: 'OBJECT_NOT_FOUND' });
      await assert.rejects(direct.get('a', { signal }), { code: 'OBJECT_NOT_FOUND' });
      await assert.rejects(direct.get('a', { signal, length: 0 }), { code: 'OBJECT_NOT_FOUND' });
      const content = Buffer.from('another put');
      await direct.put('a', content, { signal, ifAbsent: true });
      go.resolve();
      await put;
      assert.ok(content.equals(await readObject(direct, 'a', signal)));
    });
  });

  it('is swept by when its last block was sent, though the store knows no date of it', async ({ signal }) => {
    let now = new Date('2026-01-02T03:04:05Z');
    await withAzureSubject(
      azurite,
      async ({ storage, unfinished }) => {
        const { body, release } = heldBody(Buffer.alloc(large));
        const put = storage.put('a', body, { signal });
        const refused = assert.rejects(put, {
          code: 'STORAGE_UNAVAILABLE',
          message: /InvalidBlockList/,
          hint: /sweep removed them/,
        });
        await until('there are blocks', async () => (await unfinished()).length > 0);
        const sent = now;
        assert.equal(await storage.sweep('', sent, signal), 0);
        assert.equal(await storage.sweep('', new Date(sent.getTime() + 1), signal), 1);
        now = new Date(sent.getTime() + hour);
        release();
        await refused;
        assert.deepEqual(await keysOf(storage, '', signal), []);
        assert.deepEqual(await unfinished(), []);
      },
      { clock: () => now },
    );
  });

  it('is swept when a removal stopped halfway', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way, container, unfinished }) => {
      way.faults(({ name }) => (name === 'DELETE' ? { kind: 'reset' } : undefined));
      const { body } = heldBody(Buffer.alloc(large));
      const put = assert.rejects(storage.put('a', body, { signal }));
      await until('there are blocks', async () => (await unfinished()).length > 0);
      body.destroy();
      await put;
      assert.equal((await container.getBlobClient('a').getProperties()).contentType, removedType);
      way.faults(() => undefined);
      assert.deepEqual(await keysOf(storage, '', signal), []);
      assert.equal(await storage.sweep('', new Date(Date.now() - hour), signal), 0);
      assert.equal(await storage.sweep('', new Date(Date.now() + hour), signal), 1);
      assert.deepEqual(await unfinished(), []);
    });
  });

  it('is told from what others left, and from objects that have no bytes', async ({ signal }) => {
    await withAzureSubject(
      azurite,
      async ({ storage, container, unfinished }) => {
        const foreign = ['prod/a', 'prod/shop/data/x', 'elsewhere', 'prod/b..bkd-tmp', 'prod2/a'];
        for (const name of foreign) {
          const id = Buffer.from('someone else').toString('base64');
          await container.getBlockBlobClient(name).stageBlock(id, 'bytes', 5);
        }
        await container.getBlockBlobClient('prod/empty-of-others').upload('', 0);
        await storage.put('shop/catalog/x.pin', Buffer.alloc(0), { signal });
        assert.equal(await storage.sweep('', new Date(Date.now() + hour), signal), 0);
        assert.deepEqual((await unfinished()).toSorted(), foreign.toSorted());
        assert.deepEqual(await keysOf(storage, '', signal), ['empty-of-others', 'shop/catalog/x.pin']);
      },
      { config: { prefix: 'prod' } },
    );
  });

  it('of one put does not go with that of another put of the same key', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, container }) => {
      const content = Buffer.alloc(large, 'x');
      const first = heldBody(content);
      const winner = storage.put('a', first.body, { signal });
      await until('the first has blocks', async () => (await blocksOf(container, 'a')) === 2);
      const failure = new Error('the dump exited with 7');
      const second = heldBody(Buffer.alloc(large));
      const loser = storage.put('a', second.body, { signal });
      const refused = assert.rejects(loser, (error) => error === failure);
      await until('the second has blocks, too', async () => (await blocksOf(container, 'a')) === 4);
      second.body.destroy(failure);
      await refused;
      first.release();
      assert.equal((await winner).bytes, large);
      assert.ok(content.equals(await readObject(storage, 'a', signal)));
    });
  });

  it('is nothing where a body failed before its second block', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      const { body } = heldBody(Buffer.alloc(1000));
      const put = storage.put('a', body, { signal });
      const refused = assert.rejects(put);
      body.destroy();
      await refused;
      await assert.rejects(storage.put('b', bodyOf(Buffer.from('x')), { signal: AbortSignal.abort() }));
      assert.deepEqual(way.seen, []);
    });
  });
});

/** How many uncommitted blocks there are of a blob. */
async function blocksOf(container: ContainerClient, name: string): Promise<number> {
  const list = await container
    .getBlockBlobClient(name)
    .getBlockList('uncommitted')
    .catch(() => undefined);
  return list?.uncommittedBlocks?.length ?? 0;
}
