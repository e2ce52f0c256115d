import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  asBackupDataError,
  BackupDataError,
  exitCodeOf,
  fromFailedReason,
  joinErrors,
  toErrorDocument,
  toFailedReason,
} from '../../../src/shared/errors.ts';

describe('several errors as one', () => {
  const damaged = new BackupDataError('OBJECT_DAMAGED', 'main is damaged', { hint: 'Use a copy.' });
  const away = new BackupDataError('STORAGE_UNAVAILABLE', 'far is away', { hint: 'Wait.' });

  it('are the one itself when it is alone', () => {
    assert.equal(joinErrors([damaged]), damaged);
  });

  it('name all of them, and are worth another attempt when one of them is', () => {
    const { code, message, hint, retryable, cause } = joinErrors([damaged, away]);
    assert.deepEqual(
      [code, message, hint, retryable],
      ['STORAGE_UNAVAILABLE', 'main is damaged; far is away', 'Wait.', true],
    );
    assert.equal(cause, damaged);
  });
});

describe('an error', () => {
  for (const error of [
    new BackupDataError('DATABASE_AUTH', 'the server refused the password', { hint: 'Check it.' }),
    new BackupDataError('DUMP_FAILED', 'several lines:\npg_dump: [archiver] broken\nHINTS: none'),
  ]) {
    it(`${error.code} survives the text that a job keeps`, () => {
      const back = fromFailedReason(toFailedReason(error));
      assert.deepEqual(toErrorDocument(back), toErrorDocument(error));
    });
  }

  it('that somebody else threw becomes INTERNAL and keeps its cause', () => {
    const cause = new TypeError('x is not a function');
    const error = asBackupDataError(cause);
    assert.equal(error.code, 'INTERNAL');
    assert.equal(error.cause, cause);
  });

  it('is made of anything that can be thrown', () => {
    for (const thrown of [undefined, null, 'text', 7, {}])
      assert.ok(asBackupDataError(thrown).message.length > 0);
  });

  it('of an unknown text is not taken for one of ours', () => {
    assert.equal(fromFailedReason('[NOT_A_CODE] hm').code, 'INTERNAL');
    assert.equal(fromFailedReason('[constructor] hm').code, 'INTERNAL');
  });

  it('decides the exit code and whether a retry can help', () => {
    assert.equal(exitCodeOf('REDIS_UNAVAILABLE'), 5);
    assert.equal(new BackupDataError('DATABASE_AUTH', 'x').retryable, false);
    assert.equal(new BackupDataError('DATABASE_UNREACHABLE', 'x').retryable, true);
  });
});
