import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileFailure, guardedFile } from '../../../../src/pipeline/file/failure.ts';
import { BackupDataError } from '../../../../src/shared/errors.ts';

/** What the system says, as Node passes it on. Most of these cannot be brought about by the user who runs the tests. */
function failed(code: string): Error {
  return Object.assign(new Error(`${code}: it failed, open '/out/file'`), {
    code,
    syscall: 'open',
    errno: -1,
  });
}

describe('a file that cannot be written', () => {
  for (const [code, expected, message] of [
    ['ENOSPC', 'STORAGE_FULL', /no space left for \/out\/file/],
    ['EDQUOT', 'STORAGE_FULL', /no space left for \/out\/file/],
    ['EFBIG', 'STORAGE_FULL', /\/out\/file may not grow/],
    ['EACCES', 'USAGE', /\/out\/file may not be written by this user/],
    ['EPERM', 'USAGE', /\/out\/file may not be written by this user/],
    ['EROFS', 'USAGE', /\/out\/file is on a disk that is mounted read-only/],
    ['ELOOP', 'USAGE', /a symbolic link in \/out\/file leads to itself/],
    ['EIO', 'STORAGE_UNAVAILABLE', /\/out\/file could not be written: EIO/],
  ] as const) {
    it(`is one sentence and a hint for ${code}, with the cause kept`, async () => {
      const cause = failed(code);
      const error = await guardedFile('/out/file', () => Promise.reject(cause)).catch((thrown) => thrown);
      assert.ok(error instanceof BackupDataError);
      assert.equal(error.code, expected);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', /^[A-Z].*\.$/);
      assert.equal(error.cause, cause);
    });
  }

  it('does not take the failure of anything else for its own', () => {
    const other = new Error('the storage went away');
    assert.equal(fileFailure('/out/file', other), other);
  });
});
