import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { hasCode } from '../../../../../src/shared/errors.ts';
import {
  assertNothing,
  bodyOf,
  heldBody,
  keysOf,
  readObject,
} from '../../../../conformance/storage/subject.ts';
import { type AzureSubject, withAzureSubject } from '../../../../support/azure-subject.ts';
import { startAzurite, type TestAzurite } from '../../../../support/azurite.ts';
import { chooseSeed, createSeeded } from '../../../../support/seeded.ts';
import { until } from '../../../../support/until.ts';

const mebibyte = 1024 * 1024;
const block = 8 * mebibyte;
const large = 2 * block + mebibyte;
const random = createSeeded(chooseSeed());

describe('a put to Azure', () => {
  let azurite: TestAzurite;
  before(async () => {
    azurite = await startAzurite();
  });
  after(() => azurite.stop());

  it('sends a body of up to a block, and bytes, at once', async (context) => {
    context.diagnostic(`TEST_SEED=${random.seed}`);
    const { signal } = context;
    await withAzureSubject(azurite, async ({ storage, way }) => {
      const small = random.bytes(block);
      for (const body of [bodyOf(small), small, Buffer.alloc(0), Readable.from([])])
        await storage.put('a', body, { signal });
      assert.deepEqual(namesSeen({ way }), Array(4).fill(['PUT', 'HEAD']).flat());
    });
  });

  it('sends all others, and bytes of more, in blocks of 8 MiB with ids of their own', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      const content = random.bytes(large);
      for (const body of [bodyOf(content, 1_000_003), content]) {
        assert.equal((await storage.put('a', body, { signal })).bytes, large);
        assert.ok(content.equals(await readObject(storage, 'a', signal)));
      }
      const blocks = way.seen.filter(({ name }) => name === 'PUT block');
      assert.deepEqual(
        blocks.map(({ headers }) => Number(headers['content-length'])).toSorted((a, b) => b - a),
        [block, block, block, block, mebibyte, mebibyte],
      );
      assert.equal(new Set(blocks.map(({ url }) => url.searchParams.get('blockid'))).size, 6);
    });
  });

  it('reads no more than five blocks ahead of a store that does not answer', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, direct, way, unfinished }) => {
      way.faults(({ name }) => (name === 'PUT block' ? { kind: 'hold' } : undefined));
      const { body, given } = endlessBody();
      const controller = new AbortController();
      const reason = new Error('the run was cancelled');
      const put = assert.rejects(
        storage.put('a', body, { signal: controller.signal }),
        (error) => error === reason,
      );
      await until('five blocks were read', () => given() >= 5 * block);
      for (let round = 0; round < 50; round += 1)
        await direct.list('', signal)[Symbol.asyncIterator]().next();
      // The chunk that the next block begins with, and what a stream keeps ready.
      assert.ok(given() <= 5 * block + 3 * mebibyte, `${given()} bytes were read`);
      assert.equal(way.seen.filter(({ name }) => name === 'PUT block').length, 4);
      controller.abort(reason);
      await put;
      assert.ok(body.destroyed);
      assert.deepEqual(await unfinished(), []);
    });
  });

  it('stops at once when a block is refused, though the body gives nothing', async ({ signal }) => {
    await withAzureSubject(azurite, async (subject) => {
      const { storage, way, direct } = subject;
      let blocks = 0;
      way.faults(({ name }) => {
        if (name === 'PUT block') blocks += 1;
        return name === 'PUT block' && blocks === 2
          ? { kind: 'answer', status: 500, code: 'InternalError' }
          : undefined;
      });
      const stalled = Promise.withResolvers<void>();
      const body = Readable.from(
        (async function* () {
          yield* bodyOf(random.bytes(large));
          await stalled.promise;
        })(),
        { objectMode: false },
      );
      await assert.rejects(storage.put('a', body, { signal }), {
        code: 'STORAGE_UNAVAILABLE',
        message: /answered 500 \(InternalError\)/,
      });
      assert.ok(body.destroyed);
      stalled.resolve();
      await assertNothing({ ...subject, storage: direct, outside: async () => [] }, 'a', signal);
    });
  });

  it('hangs up at once on an abort while the store takes no bytes', async () => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      way.faults(() => ({ kind: 'stall' }));
      for (const size of [block, large]) {
        const controller = new AbortController();
        const reason = new Error('the run was cancelled');
        const put = storage.put('a', bodyOf(random.bytes(size)), { signal: controller.signal });
        await until('the put is under way', () => way.busy() > 0);
        const start = performance.now();
        controller.abort(reason);
        // Clearing up is tried, and nobody answers.
        way.faults(() => ({ kind: 'reset' }));
        await assert.rejects(put, (error) => error === reason);
        assert.ok(performance.now() - start < 2_000, 'it waited for an answer that cannot come');
        way.faults(() => ({ kind: 'stall' }));
      }
    });
  });

  it('waits for a block that is under way whole, so that none appears after it has cleared up', async ({
    signal,
  }) => {
    await withAzureSubject(azurite, async (subject) => {
      const { storage, direct, way } = subject;
      const arrive = Promise.withResolvers<void>();
      way.faults(({ name }) => (name === 'PUT block' ? { kind: 'early', until: arrive.promise } : undefined));
      const controller = new AbortController();
      const { body } = heldBody(random.bytes(large));
      let settled = false;
      const put = assert
        .rejects(storage.put('a', body, { signal: controller.signal }), /cancelled/)
        .finally(() => {
          settled = true;
        });
      await until('two blocks were taken whole', () => way.taken() === 2);
      controller.abort(new Error('cancelled'));
      for (let round = 0; round < 20; round += 1) await keysOf(direct, '', signal);
      assert.ok(!settled, 'it cleared up before the blocks arrived');
      arrive.resolve();
      await put;
      await assertNothing({ ...subject, storage: direct, outside: async () => [] }, 'a', signal);
    });
  });

  it('has stored what was decided before an abort', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, direct, way }) => {
      for (const [size, deciding] of [
        [1000, 'PUT'],
        [large, 'PUT blocklist'],
      ] as const) {
        const answered = Promise.withResolvers<void>();
        way.faults(({ name }) => (name === deciding ? { kind: 'late', until: answered.promise } : undefined));
        const controller = new AbortController();
        const content = random.bytes(size);
        const put = storage.put(`a${size}`, bodyOf(content), { signal: controller.signal });
        await until('the object is there', async () => (await keysOf(direct, `a${size}`, signal)).length > 0);
        controller.abort(new Error('too late'));
        answered.resolve();
        assert.equal((await put).bytes, size);
        assert.ok(content.equals(await readObject(direct, `a${size}`, signal)));
      }
    });
  });

  it('fails when nothing moves for the request timeout', async ({ signal }) => {
    const options = { requestTimeout: 300 };
    await withAzureSubject(
      azurite,
      async ({ storage, way }) => {
        for (const kind of ['stall', 'hold'] as const) {
          way.faults(() => ({ kind }));
          for (const size of [10, large]) {
            const body = bodyOf(random.bytes(size));
            await assert.rejects(storage.put('a', body, { signal }), {
              code: 'STORAGE_UNAVAILABLE',
              message: /was silent for 0.3 s/,
            });
          }
        }
      },
      options,
    );
  });

  it('is no failure when the network delivers the deciding request twice', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      way.faults(({ name }) => (['PUT', 'PUT blocklist'].includes(name) ? { kind: 'twice' } : undefined));
      for (const size of [1000, large]) {
        const content = random.bytes(size);
        const key = `a${size}`;
        assert.equal((await storage.put(key, bodyOf(content), { signal, ifAbsent: true })).bytes, size);
        assert.ok(content.equals(await readObject(storage, key, signal)));
        await assert.rejects(storage.put(key, bodyOf(content), { signal, ifAbsent: true }), {
          code: 'OBJECT_EXISTS',
        });
      }
    });
  });

  it('fails when the answer to the deciding request is lost, with all of the object there or nothing', async ({
    signal,
  }) => {
    await withAzureSubject(azurite, async ({ storage, direct, way, unfinished }) => {
      for (const after of [false, true]) {
        way.faults(({ name }) => (name === 'PUT blocklist' ? { kind: 'reset', after } : undefined));
        const content = random.bytes(large);
        await assert.rejects(storage.put(`a${after}`, bodyOf(content), { signal }), {
          code: 'STORAGE_UNAVAILABLE',
        });
        way.faults(() => undefined);
        const found = await keysOf(direct, `a${after}`, signal);
        if (found.length > 0) assert.ok(content.equals(await readObject(direct, `a${after}`, signal)));
      }
      // The way was cut for clearing up, too: what is left is for sweep.
      await direct.sweep('', new Date(Date.now() + 3_600_000), signal);
      assert.deepEqual(await unfinished(), []);
    });
  });

  it('believes no store that holds another number of bytes, and removes what it holds', async ({
    signal,
  }) => {
    await withAzureSubject(azurite, async ({ storage, direct, way }) => {
      way.faults(({ name }) =>
        name === 'HEAD'
          ? {
              kind: 'answer',
              status: 200,
              headers: { 'content-length': '999', 'last-modified': new Date().toUTCString(), etag: '"x"' },
            }
          : undefined,
      );
      await assert.rejects(storage.put('a', random.bytes(1000), { signal }), {
        code: 'STORAGE_UNAVAILABLE',
        message: /holds 999 of the 1000 bytes of the object a/,
      });
      assert.deepEqual(await keysOf(direct, '', signal), []);
    });
  });

  it('lets one writer of many blocks win, whole, whoever else writes the key', async (context) => {
    const { signal } = context;
    await withAzureSubject(azurite, async ({ storage, unfinished }) => {
      for (const ifAbsent of [true, false]) {
        const contents = Array.from({ length: 3 }, () => random.bytes(large));
        const key = `race-${ifAbsent}`;
        const outcomes = await Promise.allSettled(
          contents.map((content) => storage.put(key, bodyOf(content), { signal, ifAbsent })),
        );
        const won = contents.filter((_, index) => outcomes[index]?.status === 'fulfilled');
        assert.ok(ifAbsent ? won.length === 1 : won.length >= 1, `${won.length} won`);
        const stored = await readObject(storage, key, signal);
        assert.ok(won.some((content) => content.equals(stored)));
        for (const outcome of outcomes) {
          if (outcome.status === 'fulfilled') continue;
          const codes = ifAbsent ? (['OBJECT_EXISTS'] as const) : (['STORAGE_UNAVAILABLE'] as const);
          assert.ok(
            codes.some((code) => hasCode(outcome.reason, code)),
            String(outcome.reason),
          );
        }
      }
      assert.deepEqual(await unfinished(), []);
    });
  });

  it('keeps the object, and its version, that a put of many blocks failed to replace', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage }) => {
      const first = random.bytes(large);
      const { version } = await storage.put('a', bodyOf(first), { signal });
      const failure = new Error('the dump exited with 7');
      const body = Readable.from(
        (async function* () {
          yield* bodyOf(random.bytes(large));
          throw failure;
        })(),
        { objectMode: false },
      );
      await assert.rejects(storage.put('a', body, { signal }), (error) => error === failure);
      assert.equal((await storage.stat('a', signal)).version, version);
      assert.ok(first.equals(await readObject(storage, 'a', signal)));
    });
  });

  it('stores in the access tier of the configuration', async ({ signal }) => {
    const config = { accessTier: 'Cool' } as const;
    await withAzureSubject(
      azurite,
      async ({ storage, container }) => {
        for (const size of [10, large]) {
          await storage.put('a', bodyOf(random.bytes(size)), { signal });
          assert.equal((await container.getBlobClient('a').getProperties()).accessTier, 'Cool');
        }
      },
      { config },
    );
  });
});

function namesSeen({ way }: Pick<AzureSubject, 'way'>): string[] {
  return way.seen.map(({ name }) => name);
}

function endlessBody() {
  let bytes = 0;
  const body = new Readable({
    read() {
      bytes += mebibyte;
      this.push(Buffer.alloc(mebibyte));
    },
  });
  return { body, given: () => bytes };
}
