import assert from 'node:assert/strict';
import { hasCode } from '../../../src/shared/errors.ts';
import { assertNothing, bodyOf, check, keysOf, readObject, type StorageImplementation } from './subject.ts';

/** Each breaks a rule of the contract. The last ones look like dots or slashes and are none. */
const refused = [
  '',
  '/',
  '/etc/passwd',
  '..',
  '.',
  '../x',
  '../../x',
  'a/../../x',
  'a/../b',
  'a/./b',
  './a',
  'a/..',
  'a/.',
  'a//b',
  'a/',
  '//a',
  '..\\x',
  'a\\b',
  'a\0b',
  'a\0/../../x',
  'a\nb',
  'a\tb',
  'a\x7fb',
  'a\x1b[31m',
  'a/b.bkd-tmp',
  '.a.abc.bkd-tmp',
  'a.bkd-tmp/b',
  'x'.repeat(300),
  `a/${'x'.repeat(201)}/b`,
  `${'abcdefg/'.repeat(128)}x`,
  '\u2024\u2024/x',
  '\u2025/x',
  '\uff0e\uff0e/x',
  'a\u2215b',
  'a\uff0fb',
  '\u2026',
  'caf\u00e9',
  '\u202egnp.exe',
  '\ud800',
  'a\u0000',
];
/** Unusual, and plain names all the same. */
const accepted = [
  '..%2f',
  '%2e%2e/x',
  '...',
  '..a',
  'a..',
  'a b',
  '~',
  '-',
  '$(x)',
  '`x`',
  'x'.repeat(200),
  'C:',
  'con',
  `${'abcdefg/'.repeat(127)}12345678`,
];

export function keyTests(implementation: StorageImplementation): void {
  check(implementation, 'refuses every bad key in every method and touches nothing', async (subject) => {
    const { storage, signal, outside } = subject;
    await storage.put('probe', bodyOf(Buffer.from('x')), { signal });
    await storage.remove(['probe'], signal);
    const before = await outside();
    const invalid = (error: unknown) => hasCode(error, 'KEY_INVALID');
    for (const key of refused) {
      const shown = JSON.stringify(key);
      const body = bodyOf(Buffer.from('x'));
      await assert.rejects(storage.put(key, body, { signal }), invalid, `put ${shown}`);
      assert.ok(body.destroyed, `put ${shown} leaves the body open`);
      await assert.rejects(
        storage.put(key, bodyOf(Buffer.from('x')), { signal, ifAbsent: true }),
        invalid,
        `put ${shown}`,
      );
      await assert.rejects(storage.get(key, { signal }), invalid, `get ${shown}`);
      await assert.rejects(storage.stat(key, signal), invalid, `stat ${shown}`);
      await assert.rejects(storage.remove([key], signal), invalid, `remove ${shown}`);
    }
    assert.deepEqual(await outside(), before);
    await assertNothing(subject, 'probe', signal);
  });

  check(
    implementation,
    'refuses a prefix whose folders are no part of any key',
    async ({ storage, signal }) => {
      for (const prefix of ['../', '../x', '/', '/etc/', 'a/../../', './a', 'a//', 'a\\/b', '\u2025/x']) {
        await assert.rejects(
          keysOf(storage, prefix, signal),
          (error) => hasCode(error, 'KEY_INVALID'),
          prefix,
        );
        const swept = storage.sweep(prefix, new Date(), signal);
        await assert.rejects(swept, (error) => hasCode(error, 'KEY_INVALID'), prefix);
      }
    },
  );

  check(implementation, 'removes nothing when one of the keys is bad', async ({ storage, signal }) => {
    await storage.put('a', bodyOf(Buffer.from('a')), { signal });
    await assert.rejects(storage.remove(['a', '../a'], signal), (error) => hasCode(error, 'KEY_INVALID'));
    assert.deepEqual(await keysOf(storage, '', signal), ['a']);
  });

  check(implementation, 'takes unusual names as they are', async ({ storage, signal, outside }) => {
    const before = await outside();
    for (const key of accepted) {
      await storage.put(key, bodyOf(Buffer.from(key)), { signal, ifAbsent: true });
      assert.equal(String(await readObject(storage, key, signal)), key);
    }
    assert.deepEqual(await keysOf(storage, '', signal), accepted.toSorted());
    assert.deepEqual(await outside(), before);
  });
}
