import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { hasCode } from '../../src/shared/errors.ts';
import { keysOf, readObject } from '../conformance/storage/subject.ts';
import type { Fault } from '../support/s3-fault-proxy.ts';
import { hasty, withFaultyS3 } from '../support/s3-faults.ts';
import { createSeeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';

const size = 5_000_000;
const content = createSeeded(1).bytes(size);
/** Milliseconds. */
const timeouts = { connect: 500, request: 500 };
const isGet = ({ operation }: { operation: string }) => operation === 'GetObject';

describe('reading from an S3 storage that fails', () => {
  for (const kind of ['truncate', 'stall'] as const) {
    it(`goes on from the byte where the answer ${kind === 'stall' ? 'stalled' : 'broke off'}, again and again`, ({
      signal,
    }) =>
      withFaultyS3(async ({ proxy, open, direct }) => {
        await direct.put('a', content, { signal });
        const storage = await open({ timeouts });
        proxy.decide((request) => (isGet(request) ? { kind, after: 1_300_000 } : undefined));
        assert.ok(content.equals(await readObject(storage, 'a', signal)));
        const ranges = proxy.seen.filter(isGet).map(({ headers }) => headers.range);
        assert.equal(ranges[0], undefined);
        // A reset takes with it what was on its way: how far each answer came is up to the system.
        const begins = ranges.map((range = 'bytes=0-4999999') =>
          Number(/^bytes=(\d+)-4999999$/.exec(range)?.[1]),
        );
        assert.ok(ranges.length >= 4, String(ranges));
        for (const [index, begin] of begins.slice(1).entries()) {
          const given = begin - (begins[index] ?? 0);
          assert.ok(given > 0 && given <= 1_300_000, String(ranges));
        }
        const part = await storage.get('a', { offset: 1_000_000, length: 3_000_000, signal });
        const read = Buffer.concat(await Array.fromAsync(part));
        assert.ok(content.subarray(1_000_000, 4_000_000).equals(read));
      }));
  }

  it('does not take the end of a short answer for the end of the range', ({ signal }) =>
    withFaultyS3(async ({ proxy, open, direct }) => {
      await direct.put('a', content, { signal });
      const storage = await open();
      proxy.decide((request) => (isGet(request) ? { kind: 'shorten', after: 500_000 } : undefined));
      const read = Buffer.concat(
        await Array.fromAsync(await storage.get('a', { offset: 10, length: 2_000_000, signal })),
      );
      assert.ok(content.subarray(10, 2_000_010).equals(read));
      assert.equal(proxy.seen.filter(isGet).length, 4);
    }));

  it('gives up after five tries that gave not a byte', ({ signal }) =>
    withFaultyS3(async ({ proxy, open, direct }) => {
      await direct.put('a', content, { signal });
      const storage = await open();
      let first = true;
      proxy.decide((request) => {
        if (!isGet(request)) return undefined;
        const after = first ? 1_000_000 : 0;
        first = false;
        return { kind: 'truncate', after };
      });
      await assert.rejects(readObject(storage, 'a', signal), (error) =>
        hasCode(error, 'STORAGE_UNAVAILABLE'),
      );
      assert.equal(proxy.seen.filter(isGet).length, 6);
    }));

  it('says OBJECT_DAMAGED when another object is there by then', ({ signal }) =>
    withFaultyS3(async ({ proxy, open, direct }) => {
      await direct.put('a', content, { signal });
      const storage = await open();
      let gets = 0;
      proxy.decide((request) => {
        if (isGet(request)) gets += 1;
        return isGet(request) && gets === 1 ? { kind: 'truncate', after: 1_000_000 } : undefined;
      });
      const stream = await storage.get('a', { signal });
      await direct.put('a', createSeeded(2).bytes(size), { signal });
      await assert.rejects(Array.fromAsync(stream), (error) => hasCode(error, 'OBJECT_DAMAGED'));
    }));

  it('needs no connection while nobody reads, and takes another one when somebody does', ({ signal }) =>
    withFaultyS3(async ({ proxy, open, direct }) => {
      await direct.put('a', content, { signal });
      const storage = await open({ timeouts });
      const stream = await storage.get('a', { signal });
      await once(stream, 'readable');
      const [first] = [stream.read() as Buffer];
      await until('the idle connection was given up', () => proxy.closed() > 0);
      const chunks = [first, ...(await Array.fromAsync(stream))];
      assert.ok(content.equals(Buffer.concat(chunks)));
      assert.equal(proxy.seen.filter(isGet).length, 2);
    }));

  it('ends with the reason of the signal while no byte comes', ({ signal }) =>
    withFaultyS3(async ({ proxy, open, direct }) => {
      await direct.put('a', content, { signal });
      const storage = await open();
      proxy.decide((request) => (isGet(request) ? { kind: 'stall', after: 1_000_000 } : undefined));
      const controller = new AbortController();
      const reason = new Error('the restore was cancelled');
      const stream = await storage.get('a', { signal: controller.signal });
      let read = 0;
      stream.on('data', (chunk: Buffer) => {
        read += chunk.length;
      });
      const failed = once(stream, 'error');
      await until('the answer stalls', () => read === 1_000_000);
      controller.abort(reason);
      assert.deepEqual(await failed, [reason]);
    }));

  const everything: Record<string, Fault> = {
    'answers 500': { kind: 'answer', status: 500, code: 'InternalError' },
    'resets every connection': { kind: 'reset', when: 'before' },
    hangs: { kind: 'hang' },
  };
  for (const [what, fault] of Object.entries(everything)) {
    it(`says within 15 s which storage it is that ${what}`, ({ signal }) =>
      withFaultyS3(async ({ proxy, open }) => {
        const storage = await open({ timeouts });
        proxy.decide(() => fault);
        const calls = [
          storage.stat('a', signal),
          storage.get('a', { signal }),
          keysOf(storage, '', signal),
          storage.remove(['a', 'b'], signal),
          storage.sweep('', new Date(), signal),
        ];
        const start = performance.now();
        for (const outcome of await Promise.allSettled(calls)) {
          assert.ok(outcome.status === 'rejected');
          assert.ok(hasCode(outcome.reason, 'STORAGE_UNAVAILABLE'), String(outcome.reason));
          assert.match(outcome.reason.message, /the storage offsite \(bucket b-\w+ at 127\.0\.0\.1:\d+\)/);
        }
        assert.ok(performance.now() - start < 15_000);
        assert.ok(proxy.seen.length > 15, `${proxy.seen.length} requests for five calls`);
      }));
  }

  it('says STORAGE_UNAVAILABLE with the address when nothing listens there', ({ signal }) =>
    withFaultyS3(async ({ open, proxy }) => {
      const storage = await open({ timeouts, pace: hasty(10) });
      await proxy.close();
      await assert.rejects(storage.stat('a', signal), (error) => {
        assert.ok(hasCode(error, 'STORAGE_UNAVAILABLE'), String(error));
        assert.match(error.message, /the storage offsite .* cannot be reached: .*ECONNREFUSED/);
        return true;
      });
    }));

  it('lists every page in order while requests fail, and goes on behind the last key', ({ signal }) =>
    withFaultyS3(async ({ proxy, open, direct }) => {
      const keys = Array.from({ length: 1100 }, (_, index) => `k/${String(index).padStart(5, '0')}`);
      for (let at = 0; at < keys.length; at += 25)
        await Promise.all(
          keys.slice(at, at + 25).map((key) => direct.put(key, Buffer.from('x'), { signal })),
        );
      const storage = await open();
      let lists = 0;
      proxy.decide(({ operation }) => {
        if (operation !== 'ListObjectsV2') return undefined;
        lists += 1;
        return lists % 2 === 1 ? { kind: 'truncate', after: 20_000 } : undefined;
      });
      assert.deepEqual(await keysOf(storage, 'k/', signal), keys);
      assert.equal(lists, 4, 'two pages, each asked for twice');
    }));
});
