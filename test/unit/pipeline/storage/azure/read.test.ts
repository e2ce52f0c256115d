import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { keysOf } from '../../../../conformance/storage/subject.ts';
import { withAzureSubject } from '../../../../support/azure-subject.ts';
import { startAzurite, type TestAzurite } from '../../../../support/azurite.ts';
import { chooseSeed, createSeeded } from '../../../../support/seeded.ts';
import { until } from '../../../../support/until.ts';

const size = 3_000_000;
const random = createSeeded(chooseSeed());

describe('reading from Azure', () => {
  let azurite: TestAzurite;
  before(async () => {
    azurite = await startAzurite();
  });
  after(() => azurite.stop());

  it('fails where the connection breaks, whatever came before', async (context) => {
    context.diagnostic(`TEST_SEED=${random.seed}`);
    const { signal } = context;
    await withAzureSubject(azurite, async ({ storage, way }) => {
      const content = random.bytes(size);
      await storage.put('a', content, { signal });
      for (const after of [0, 1, random.below(size), size - 1]) {
        way.faults(() => ({ kind: 'cut', after, end: 'close' }));
        let received = 0;
        const stream = await storage.get('a', { signal });
        await assert.rejects(
          async () => {
            for await (const chunk of stream) received += chunk.length;
          },
          { code: 'STORAGE_UNAVAILABLE' },
        );
        assert.ok(received <= after);
      }
    });
  });

  it('fails when nothing more comes, but lets its reader take all the time', async ({ signal }) => {
    const requestTimeout = 100;
    await withAzureSubject(
      azurite,
      async ({ storage, way }) => {
        const content = random.bytes(size);
        await storage.put('a', content, { signal });
        const slow = (await storage.get('a', { signal }))[Symbol.asyncIterator]();
        const first: Buffer = (await slow.next()).value;
        const start = performance.now();
        await until('the reader comes back', () => performance.now() - start > 3 * requestTimeout);
        const rest: Buffer[] = [];
        for (let next = await slow.next(); !next.done; next = await slow.next()) rest.push(next.value);
        assert.ok(content.equals(Buffer.concat([first, ...rest])));

        way.faults(() => ({ kind: 'cut', after: 1000, end: 'silence' }));
        await assert.rejects(buffer(await storage.get('a', { signal })), {
          code: 'STORAGE_UNAVAILABLE',
          message: /was silent for 0.1 s/,
        });
        way.faults(() => ({ kind: 'hold' }));
        for (const call of [
          () => storage.get('a', { signal }),
          () => storage.stat('a', signal),
          () => keysOf(storage, '', signal),
          () => storage.remove(['a'], signal),
          () => storage.sweep('', new Date(), signal),
        ])
          await assert.rejects(call(), { code: 'STORAGE_UNAVAILABLE', message: /was silent/ });
      },
      { requestTimeout },
    );
  });

  it('gives up its connection when the reader goes away or never comes', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      await storage.put('a', random.bytes(size), { signal });
      way.faults(() => ({ kind: 'cut', after: 1000, end: 'silence' }));
      (await storage.get('a', { signal })).destroy();
      const controller = new AbortController();
      const reason = new Error('cancelled');
      const stream = await storage.get('a', { signal: controller.signal });
      const failed = new Promise((resolve) => stream.once('error', resolve));
      controller.abort(reason);
      assert.equal(await failed, reason);
      await until('no answer is open', () => way.busy() === 0);
    });
  });

  it('tells how many bytes it gives, and of which version', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage }) => {
      const { version } = await storage.put('a', random.bytes(1000), { signal });
      for (const [range, bytes] of [
        [{}, 1000],
        [{ offset: 10 }, 990],
        [{ offset: 10, length: 20 }, 20],
        [{ offset: 1000 }, 0],
        [{ offset: 1000, length: 0 }, 0],
      ] as const) {
        const stream = await storage.get('a', { ...range, signal });
        assert.partialDeepStrictEqual(stream, { bytes, version });
        assert.equal((await buffer(stream)).byteLength, bytes, JSON.stringify(range));
      }
    });
  });

  it('takes no other range for the one that it asked for', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      await storage.put('a', random.bytes(1000), { signal });
      const modified = new Date().toUTCString();
      const headers = { etag: '"x"', 'last-modified': modified, 'content-length': '1000' };
      way.faults(() => ({ kind: 'answer', status: 200, headers, body: 'x'.repeat(1000) }));
      assert.equal((await buffer(await storage.get('a', { signal }))).byteLength, 1000);
      const refused = { code: 'STORAGE_UNAVAILABLE' };
      await assert.rejects(storage.get('a', { signal, offset: 10 }), refused);
      await assert.rejects(storage.get('a', { signal, offset: 10, length: 1000 }), refused);
      await assert.rejects(storage.get('a', { signal, length: 20 }), { code: 'OBJECT_DAMAGED' });
      await until('no answer is open', () => way.busy() === 0);
    });
  });

  it('refuses ranges that are none, and one that begins behind the end, as Azure itself answers it', async ({
    signal,
  }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      await storage.put('a', random.bytes(1000), { signal });
      const refused = { code: 'OBJECT_DAMAGED' };
      for (const range of [
        { offset: -1 },
        { length: -1 },
        { offset: -5, length: 5 },
        { offset: 1001, length: 0 },
      ])
        await assert.rejects(storage.get('a', { ...range, signal }), refused, JSON.stringify(range));
      way.faults(({ name }) =>
        name === 'GET' ? { kind: 'answer', status: 416, code: 'InvalidRange' } : undefined,
      );
      assert.equal((await buffer(await storage.get('a', { signal, offset: 1000 }))).byteLength, 0);
      await assert.rejects(storage.get('a', { signal, offset: 1001 }), refused);
      await assert.rejects(storage.get('a', { signal, offset: 1000, length: 1 }), refused);
    });
  });

  it('never takes a part of a listing for all of it, nor one out of order', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      const pages = [page(['a', 'b'], 'next'), page([], 'more'), page(['c'], '')];
      let asked = 0;
      way.faults(() => pages[asked++]);
      assert.deepEqual(await keysOf(storage, '', signal), ['a', 'b', 'c']);
      assert.deepEqual(
        way.seen.map(({ url }) => url.searchParams.get('marker')),
        [null, 'next', 'more'],
      );
      asked = 0;
      way.faults(() => pages[asked++ * 10] ?? { kind: 'answer', status: 503, code: 'ServerBusy' });
      await assert.rejects(keysOf(storage, '', signal), { code: 'STORAGE_UNAVAILABLE' });
      way.faults(() => ({ kind: 'cut', after: 100, end: 'close' }));
      await assert.rejects(keysOf(storage, '', signal), { code: 'STORAGE_UNAVAILABLE' });
      way.faults(() => page(['shop/x', 'shop-eu/x'], ''));
      await assert.rejects(keysOf(storage, '', signal), {
        message: /lists the object shop-eu\/x out of order/,
        hint: /hierarchical namespace/,
      });
    });
  });

  it('lists names that XML could mangle as they are', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage }) => {
      const keys = [
        ' lead',
        'trail ',
        'a /b ',
        '007',
        '1e5',
        'true',
        '&amp;',
        '<![CDATA[x]]>',
        '&#65;',
        'a  b',
      ];
      for (const key of keys) await storage.put(key, Buffer.from(key), { signal });
      assert.deepEqual(await keysOf(storage, '', signal), keys.toSorted());
      for (const key of keys) assert.equal(String(await buffer(await storage.get(key, { signal }))), key);
    });
  });

  it('removes 40 keys, 16 at a time, and stops where one fails', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      const keys = Array.from({ length: 40 }, (_, index) => `k${String(index).padStart(2, '0')}`);
      for (const key of keys) await storage.put(key, Buffer.from(key), { signal });
      const go = Promise.withResolvers<void>();
      way.faults(() => ({ kind: 'early', until: go.promise }));
      const before = way.seen.length;
      const removed = storage.remove(keys, signal);
      await until('requests are under way', () => way.busy() === 16);
      assert.equal(way.seen.length - before, 16);
      way.faults(({ url }) => (url.pathname.endsWith('k20') ? { kind: 'answer', status: 500 } : undefined));
      go.resolve();
      await assert.rejects(removed, { code: 'STORAGE_UNAVAILABLE', message: /answered 500/ });
      assert.deepEqual(await keysOf(storage, '', signal), ['k20', ...keys.slice(32)]);
    });
  });
});

function page(names: readonly string[], marker: string) {
  const modified = '<Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified>';
  const properties = `<Properties>${modified}<Etag>0x1</Etag><Content-Length>1</Content-Length></Properties>`;
  const blobs = names.map((name) => `<Blob><Name>${name}</Name>${properties}</Blob>`).join('');
  const body = `<?xml version="1.0"?><EnumerationResults><Blobs>${blobs}</Blobs><NextMarker>${marker}</NextMarker></EnumerationResults>`;
  return { kind: 'answer', status: 200, body } as const;
}
