import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { BackupDataError, type ErrorCode } from '../../../src/shared/errors.ts';
import { bodyOf, keysOf, type StorageImplementation } from './subject.ts';

/** Milliseconds. Trying again takes longer, and helps nobody who has the wrong key. */
const atOnce = 3_000;

export function accessTests({ withStrangers }: StorageImplementation): void {
  if (!withStrangers) return;

  it('says STORAGE_AUTH at once for a wrong key and a wrong secret, and shows neither', ({ signal }) =>
    withStrangers(async ({ wrongKey, wrongSecret, secrets }) => {
      await assertRefused(wrongKey, { code: 'STORAGE_AUTH', secrets: [...secrets, 'nobody'], signal });
      await assertRefused(wrongSecret, { code: 'STORAGE_AUTH', secrets, signal });
    }));

  it('says STORAGE_MISSING at once when there is no such bucket', ({ signal }) =>
    withStrangers(({ missing, secrets }) =>
      assertRefused(missing, { code: 'STORAGE_MISSING', secrets, signal }),
    ));
}

async function assertRefused(
  storage: Storage,
  { code, secrets, signal }: { code: ErrorCode; secrets: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const body = bodyOf(Buffer.alloc(100_000));
  const calls: Record<string, () => Promise<unknown>> = {
    'put of a stream': () => storage.put('a', body, { signal }),
    'put of bytes': () => storage.put('a', Buffer.alloc(5_000_000), { signal, ifAbsent: true }),
    get: () => storage.get('a', { signal }),
    stat: () => storage.stat('a', signal),
    list: () => keysOf(storage, '', signal),
    sweep: () => storage.sweep('', new Date(), signal),
  };
  for (const [name, call] of Object.entries(calls)) {
    const start = performance.now();
    await assert.rejects(call(), (error) => {
      assert.ok(error instanceof BackupDataError, String(error));
      assert.equal(error.code, code, `${name}: ${error.message}`);
      assert.ok(error.message.includes(storage.name), error.message);
      assert.ok(error.hint !== null, `${name} has no hint`);
      const shown = [error.message, error.hint, String(error.cause)].join(' ');
      for (const secret of secrets) assert.ok(!shown.includes(secret), `${name}: ${shown}`);
      return true;
    });
    assert.ok(performance.now() - start < atOnce, `${name} took its time`);
  }
  assert.ok(body.destroyed, 'the body is left open');
}
