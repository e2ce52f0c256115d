import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { guarded, localFailure, unless } from '../../../../src/pipeline/storage/local-failure.ts';
import { BackupDataError } from '../../../../src/shared/errors.ts';

const place = { storage: 'main', root: '/srv/backups' };

describe('localFailure', () => {
  const cases = [
    ['ENOSPC', 'STORAGE_FULL', 'the storage main (/srv/backups) has no space left'],
    ['EDQUOT', 'STORAGE_FULL', 'the storage main (/srv/backups) has reached its disk quota'],
    ['EACCES', 'STORAGE_UNAVAILABLE', 'the storage main (/srv/backups) may not be used by this user'],
    ['EROFS', 'STORAGE_UNAVAILABLE', 'the storage main (/srv/backups) is mounted read-only'],
    ['EIO', 'STORAGE_UNAVAILABLE', 'the storage main (/srv/backups) failed to read or write'],
    ['EMFILE', 'STORAGE_UNAVAILABLE', 'the storage main (/srv/backups) failed with EMFILE'],
  ] as const;
  for (const [errno, code, message] of cases) {
    it(`says for ${errno} what is wrong and what to do, and may be retried`, () => {
      const cause = Object.assign(new Error(errno), { code: errno, syscall: 'write' });
      const failure = localFailure(place, cause);
      assert.ok(failure instanceof BackupDataError);
      assert.deepEqual(
        [failure.code, failure.message, failure.cause, failure.retryable],
        [code, message, cause, true],
      );
      assert.match(failure.hint ?? '', /^[A-Z].*\.$/);
    });
  }

  it('passes on what is not a failure of the file system', () => {
    const others = [
      new Error('x'),
      new BackupDataError('DUMP_FAILED', 'x'),
      'text',
      undefined,
      new DOMException('x', 'AbortError'),
    ];
    for (const other of others) assert.equal(localFailure(place, other), other);
  });
});

describe('guarded', () => {
  it('gives the result, or the failure translated', async () => {
    assert.equal(await guarded(place, async () => 1), 1);
    const reading = guarded(place, () => readFile('/nowhere/at/all'));
    await assert.rejects(reading, { code: 'STORAGE_UNAVAILABLE' });
  });
});

describe('unless', () => {
  it('turns only the named failures into undefined', async () => {
    assert.equal(await unless(['ENOENT'], readFile('/nowhere/at/all')), undefined);
    await assert.rejects(unless(['EIO'], readFile('/nowhere/at/all')), { code: 'ENOENT' });
    const failure = new Error('ENOENT');
    await assert.rejects(unless(['ENOENT'], Promise.reject(failure)), (error) => error === failure);
  });
});
