import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openStorage } from '../../../../src/pipeline/storage/open.ts';
import type { Pace } from '../../../../src/pipeline/storage/retry.ts';
import { retrying } from '../../../../src/pipeline/storage/retrying.ts';
import type { ObjectBody, Storage } from '../../../../src/pipeline/storage/storage.ts';
import { BackupDataError, hasCode } from '../../../../src/shared/errors.ts';
import { keysOf, readObject } from '../../../conformance/storage/subject.ts';
import { withFolder } from '../../../support/folder.ts';
import { createSeeded } from '../../../support/seeded.ts';

const { signal } = new AbortController();
const away = () => new BackupDataError('STORAGE_UNAVAILABLE', 'it is away');
/** Pauses take no time. */
const pace: Pace = { wait: () => delay(0), random: () => 0, now: () => 0 };

describe('a storage that tries again', () => {
  it('goes on with a listing behind the last key that it gave out', () =>
    withUnreliable(async ({ storage, inner, interfere }) => {
      const keys = ['a/1', 'a/2', 'a/3', 'b', 'c/1', 'c/2', 'd'];
      for (const key of keys) await inner.put(key, Buffer.from(key), { signal });
      let listings = 0;
      interfere.list = async function* (prefix, given) {
        listings += 1;
        let left = listings;
        for await (const object of inner.list(prefix, given)) {
          if (left === 0) throw away();
          left -= 1;
          yield object;
        }
      };
      assert.deepEqual(await keysOf(storage, '', signal), keys);
      assert.equal(listings, keys.length);
    }));

  it('removes key by key, so that each try gets further, and none when one key is bad', () =>
    withUnreliable(async ({ storage, inner, interfere }) => {
      const keys = Array.from({ length: 40 }, (_, index) => `k/${index}`);
      for (const key of keys) await inner.put(key, Buffer.from(key), { signal });
      const failed = new Set<string>();
      interfere.remove = async (given, options) => {
        const [key = ''] = given;
        assert.equal(given.length, 1);
        if (!failed.has(key)) {
          failed.add(key);
          throw away();
        }
        await inner.remove(given, options);
      };
      await assert.rejects(storage.remove(['k/1', '../x'], signal), (error) => hasCode(error, 'KEY_INVALID'));
      assert.equal(failed.size, 0);
      await storage.remove(keys, signal);
      assert.deepEqual(await keysOf(inner, '', signal), []);
    }));

  it('puts bytes again, and a stream only once', () =>
    withUnreliable(async ({ storage, inner, interfere }) => {
      let puts = 0;
      interfere.put = async (key, body, options) => {
        puts += 1;
        if (puts % 3 !== 0) throw away();
        return inner.put(key, body, options);
      };
      await storage.put('bytes', new Uint8Array(5), { signal });
      assert.equal(puts, 3);
      await assert.rejects(storage.put('stream', Readable.from([Buffer.alloc(5)]), { signal }), (error) =>
        hasCode(error, 'STORAGE_UNAVAILABLE'),
      );
      assert.equal(puts, 4);
    }));

  it('asks again for a stat and a sweep, and passes on at once what is no outage', () =>
    withUnreliable(async ({ storage, inner, interfere }) => {
      await inner.put('a', Buffer.from('x'), { signal });
      let calls = 0;
      const once = <T>(work: () => Promise<T>): Promise<T> => {
        calls += 1;
        return calls % 2 === 1 ? Promise.reject(away()) : work();
      };
      interfere.stat = (...given) => once(() => inner.stat(...given));
      interfere.sweep = (...given) => once(() => inner.sweep(...given));
      assert.equal((await storage.stat('a', signal)).bytes, 1);
      assert.equal(await storage.sweep('', new Date(), signal), 0);
      assert.equal(calls, 4);
      let refusals = 0;
      interfere.stat = async () => {
        refusals += 1;
        throw new BackupDataError('STORAGE_AUTH', 'the key is wrong');
      };
      await assert.rejects(storage.stat('a', signal), (error) => hasCode(error, 'STORAGE_AUTH'));
      assert.equal(refusals, 1);
    }));

  it('reads on behind the last byte, and needs to know neither length nor version for that', () =>
    withUnreliable(async ({ storage, inner, interfere }) => {
      const content = createSeeded(1).bytes(1_000_000);
      await inner.put('a', content, { signal });
      const offsets: number[] = [];
      interfere.get = async (key, options) => {
        offsets.push(options.offset ?? 0);
        return breakingAfter(await readObjectFrom(inner, key, options), 150_000);
      };
      assert.ok(content.equals(await readObject(storage, 'a', signal)));
      assert.deepEqual(offsets.slice(0, 3), [0, 150_000, 300_000]);
    }));

  it('has the fence that the storage has at the time', () =>
    withUnreliable(async ({ storage, interfere }) => {
      assert.equal(storage.fence, 'conditional');
      interfere.fence = 'best-effort';
      assert.equal(storage.fence, 'best-effort');
    }));
});

/** A local storage in which a test changes methods at will. */
async function withUnreliable(
  use: (given: {
    storage: Storage;
    inner: Storage;
    interfere: { -readonly [Key in keyof Storage]: Storage[Key] };
  }) => Promise<void>,
): Promise<void> {
  await withFolder(async (path) => {
    const inner = await openStorage({ name: 'main', config: { type: 'local', path } });
    const interfere = { ...inner };
    await use({ storage: retrying(interfere, pace), inner, interfere });
  });
}

async function readObjectFrom(
  storage: Storage,
  key: string,
  options: Parameters<Storage['get']>[1],
): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(await storage.get(key, options)));
}

function breakingAfter(content: Buffer, bytes: number): ObjectBody {
  return Readable.from(
    (async function* () {
      yield content.subarray(0, bytes);
      if (content.length > bytes) throw away();
    })(),
    { objectMode: false },
  );
}
