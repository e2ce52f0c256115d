import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasCode } from '../../src/shared/errors.ts';
import { bodyOf, heldBody, keysOf, readObject } from '../conformance/storage/subject.ts';
import type { Fault, SeenRequest } from '../support/s3-fault-proxy.ts';
import { type FaultyS3, hasty, withFaultyS3 } from '../support/s3-faults.ts';
import { chooseSeed, createSeeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';

const mebibyte = 1024 * 1024;
/** Five parts and a bit. */
const size = 41 * mebibyte + 7;
const key = 'shop/data/a.zst';
const unavailable: Fault = { kind: 'answer', status: 500, code: 'InternalError' };
const denied: Fault = { kind: 'answer', status: 403, code: 'AccessDenied' };
/** Milliseconds. */
const timeouts = { connect: 500, request: 500 };

describe('an upload to an S3 storage that fails', () => {
  it('succeeds while 30 % of all requests fail with 500', (context) =>
    withFaultyS3(async ({ proxy, bucket, open, direct }) => {
      const random = createSeeded(chooseSeed());
      context.diagnostic(`TEST_SEED=${random.seed}`);
      const content = random.bytes(size);
      const storage = await open();
      const { signal } = context;
      proxy.decide(() => (random.below(100) < 30 ? unavailable : undefined));
      const stored = await storage.put(key, bodyOf(content), { signal });
      assert.equal(stored.bytes, size);
      for (const name of ['x', 'y', 'z'])
        await storage.put(`b/${name}`, Buffer.from(name), { signal, ifAbsent: true });
      assert.equal((await storage.stat(key, signal)).bytes, size);
      assert.ok(content.equals(await readObject(storage, key, signal)));
      assert.deepEqual(await keysOf(storage, '', signal), ['b/x', 'b/y', 'b/z', key]);
      await storage.remove(['b/x', 'b/y', 'b/z'], signal);
      assert.equal(await storage.sweep('', new Date(), signal), 0);
      assert.deepEqual(await keysOf(direct, '', signal), [key]);
      assert.ok(proxy.seen.length > 20);
      assert.deepEqual(await bucket.unfinished(), []);
    }));

  for (const when of ['before', 'after'] as const) {
    it(`succeeds when the connection is reset on part 3 and on Complete, ${when} the store saw it`, ({
      signal,
    }) =>
      withFaultyS3(async ({ proxy, bucket, open, direct }) => {
        const content = createSeeded(3).bytes(size);
        const storage = await open();
        const struck = new Set<string>();
        proxy.decide((request) => {
          const hit = request.part === 3 || request.operation === 'CompleteMultipartUpload';
          if (!hit || struck.has(request.operation)) return undefined;
          struck.add(request.operation);
          return { kind: 'reset', when };
        });
        const stored = await storage.put(key, bodyOf(content), { signal });
        assert.equal(struck.size, 2);
        assert.equal(stored.bytes, size);
        assert.ok(content.equals(await readObject(direct, key, signal)));
        assert.deepEqual(await bucket.unfinished(), []);
      }));
  }

  it('looks for the object when the store no longer knows the upload that is to be completed', ({ signal }) =>
    withFaultyS3(async (faulty) => {
      const { proxy, open } = faulty;
      const storage = await open();
      const completes = (first: Fault) => {
        let tries = 0;
        proxy.decide(({ operation }) => {
          if (operation !== 'CompleteMultipartUpload') return undefined;
          tries += 1;
          return tries === 1 ? first : { kind: 'answer', status: 404, code: 'NoSuchUpload' };
        });
        return () => tries;
      };
      const neverDone = completes({ kind: 'reset', when: 'before' });
      await assert.rejects(
        storage.put(key, bodyOf(Buffer.alloc(9 * mebibyte)), { signal }),
        (error) => hasCode(error, 'STORAGE_UNAVAILABLE') && error.message.includes('removed the upload'),
      );
      assert.equal(neverDone(), 2);
      await assertNothingLeft(faulty);
      const done = completes({ kind: 'reset', when: 'after' });
      const stored = await storage.put(key, bodyOf(Buffer.alloc(9 * mebibyte)), { signal });
      assert.equal(done(), 2);
      assert.equal(stored.bytes, 9 * mebibyte);
    }));

  const lasting: Record<string, Fault> = {
    'is reset': { kind: 'reset', when: 'before' },
    'gets 500': unavailable,
    hangs: { kind: 'hang' },
  };
  for (const [what, fault] of Object.entries(lasting)) {
    it(`fails cleanly when part 3 ${what} whatever is tried`, ({ signal }) =>
      withFaultyS3(async (faulty) => {
        const { proxy } = faulty;
        const storage = await faulty.open({ timeouts, pace: hasty(40) });
        proxy.decide((request) => (request.part === 3 ? fault : undefined));
        const { body } = heldBody(createSeeded(4).bytes(size));
        await assert.rejects(
          storage.put(key, body, { signal }),
          (error) => hasCode(error, 'STORAGE_UNAVAILABLE') && error.message.includes('the storage offsite'),
        );
        assert.ok(triesOf(proxy.seen, 3) > 1, 'it was not tried again');
        await assertNothingLeft(faulty);
      }));
  }

  it('stops reading and ends what is under way as soon as a part is refused for good', ({ signal }) =>
    withFaultyS3(async (faulty) => {
      const { proxy } = faulty;
      const storage = await faulty.open();
      proxy.decide(({ part }) => {
        if (part === 2) return denied;
        return part === undefined ? undefined : { kind: 'hang' };
      });
      const parts = 12;
      const { body } = heldBody(createSeeded(5).bytes(parts * 8 * mebibyte));
      let read = 0;
      body.on('data', (chunk: Buffer) => {
        read += chunk.length;
      });
      body.pause();
      const start = performance.now();
      await assert.rejects(storage.put(key, body, { signal }), (error) => hasCode(error, 'STORAGE_AUTH'));
      assert.ok(performance.now() - start < 5_000, 'it waited for requests that hang');
      assert.ok(body.destroyed);
      assert.ok(read < 6 * 8 * mebibyte, `${read} bytes of the body were read`);
      assert.equal(triesOf(proxy.seen, 2), 1, 'a refusal was tried again');
      await assertNothingLeft(faulty);
    }));

  it('ends at once when it is aborted while the store hangs, and takes its upload back', () =>
    withFaultyS3(async (faulty) => {
      const { proxy } = faulty;
      const storage = await faulty.open();
      proxy.decide(({ operation }) => (operation === 'UploadPart' ? { kind: 'hang' } : undefined));
      const controller = new AbortController();
      const reason = new Error('the run was cancelled');
      const { body } = heldBody(createSeeded(6).bytes(size));
      const refused = assert.rejects(
        storage.put(key, body, { signal: controller.signal }),
        (error) => error === reason,
      );
      await until(
        'four parts are under way',
        () => proxy.seen.filter(({ part }) => part !== undefined).length === 4,
      );
      const start = performance.now();
      controller.abort(reason);
      await refused;
      assert.ok(performance.now() - start < 1_500, 'it took its time');
      await assertNothingLeft(faulty);
    }));

  it('does not leave the upload that was just begun when it is aborted', () =>
    withFaultyS3(async (faulty) => {
      const { proxy } = faulty;
      const storage = await faulty.open();
      const controller = new AbortController();
      const reason = new Error('the run was cancelled');
      proxy.decide(({ operation }) => {
        if (operation === 'CreateMultipartUpload') controller.abort(reason);
        return undefined;
      });
      const { body } = heldBody(createSeeded(7).bytes(size));
      await assert.rejects(
        storage.put(key, body, { signal: controller.signal }),
        (error) => error === reason,
      );
      assert.ok(proxy.seen.some(({ operation }) => operation === 'AbortMultipartUpload'));
      await assertNothingLeft(faulty);
    }));

  it('leaves it to the sweep when the store is away while the upload should be taken back', ({ signal }) =>
    withFaultyS3(async ({ proxy, bucket, open, direct }) => {
      const storage = await open({ pace: hasty(100) });
      proxy.decide(({ part, operation }) =>
        part === 2 || operation === 'AbortMultipartUpload' ? { kind: 'reset', when: 'before' } : undefined,
      );
      await assert.rejects(storage.put(key, bodyOf(createSeeded(8).bytes(size)), { signal }), (error) =>
        hasCode(error, 'STORAGE_UNAVAILABLE'),
      );
      assert.deepEqual(await bucket.unfinished(), [key]);
      assert.equal(await direct.sweep('shop/', new Date(Date.now() + 60_000), signal), 1);
      assert.deepEqual(await bucket.unfinished(), []);
      assert.deepEqual(await bucket.objects(), []);
    }));

  it('knows its own object when the answer to a put if absent was lost', ({ signal }) =>
    withFaultyS3(async ({ proxy, open, direct }) => {
      const storage = await open();
      let struck = 0;
      proxy.decide(({ operation }) => {
        if (operation !== 'PutObject' || struck > 0) return undefined;
        struck += 1;
        return { kind: 'reset', when: 'after' };
      });
      const stored = await storage.put('a', Buffer.from('mine'), { signal, ifAbsent: true });
      assert.equal(struck, 1);
      assert.equal(stored.bytes, 4);
      assert.equal(String(await readObject(direct, 'a', signal)), 'mine');
      struck = 0;
      await assert.rejects(storage.put('a', Buffer.from('ours'), { signal, ifAbsent: true }), (error) =>
        hasCode(error, 'OBJECT_EXISTS'),
      );
      assert.equal(String(await readObject(direct, 'a', signal)), 'mine');
    }));

  it('only looks first in a store that refuses If-None-Match, and says so', ({ signal }) =>
    withFaultyS3(async ({ proxy, open }) => {
      for (const [status, code] of [
        [501, 'NotImplemented'],
        [400, 'InvalidArgument'],
      ] as const) {
        const storage = await open();
        proxy.decide(({ headers }) =>
          headers['if-none-match'] === undefined ? undefined : { kind: 'answer', status, code },
        );
        assert.equal(storage.fence, 'conditional');
        await storage.put(code, Buffer.from('first'), { signal, ifAbsent: true });
        assert.equal(storage.fence, 'best-effort');
        await assert.rejects(storage.put(code, Buffer.from('second'), { signal, ifAbsent: true }), (error) =>
          hasCode(error, 'OBJECT_EXISTS'),
        );
        assert.equal(String(await readObject(storage, code, signal)), 'first');
      }
    }));
});

function triesOf(seen: readonly SeenRequest[], part: number): number {
  return seen.filter((request) => request.part === part).length;
}

/** No object and no unfinished upload, without a sweep. */
async function assertNothingLeft({ bucket }: FaultyS3): Promise<void> {
  assert.deepEqual(await bucket.unfinished(), []);
  assert.deepEqual(await bucket.objects(), []);
}
