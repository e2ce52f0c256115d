import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainTool } from '../../../../../src/pipeline/engine/postgres/explain.ts';
import { type StageExit, StageFailure } from '../../../../../src/pipeline/process/failure.ts';

function explain(stderr: string, exit: Partial<StageExit> = {}) {
  const failure = new StageFailure([
    { program: '/usr/bin/pg_dump', code: 1, signal: null, stopped: false, stderr, ...exit },
  ]);
  return explainTool(failure, 'the database shop');
}

describe('the words of a failed PostgreSQL tool', () => {
  for (const [code, stderr] of [
    [
      'DATABASE_AUTH',
      'pg_dump: error: connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  password authentication failed for user "me"',
    ],
    [
      'DATABASE_UNREACHABLE',
      'pg_dump: error: connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused\n\tIs the server running?',
    ],
    [
      'DATABASE_UNREACHABLE',
      'pg_dump: error: Dumping the contents of table "t" failed: PQgetCopyData() failed.\npg_dump: detail: Error message from server: FATAL:  terminating connection due to administrator command',
    ],
    ['DATABASE_UNREACHABLE', 'pg_dump: error: query failed: server closed the connection unexpectedly'],
    ['DATABASE_PERMISSION', 'pg_dump: error: query failed: ERROR:  permission denied for table secrets'],
    [
      'OWNER_MISSING',
      'pg_restore: error: could not execute query: ERROR:  role "app" does not exist\nCommand was: ALTER TABLE t OWNER TO app;',
    ],
    [
      'RESTORE_FAILED',
      'pg_restore: error: could not execute query: ERROR:  out of shared memory\nHINT:  You might need to increase max_locks_per_transaction.',
    ],
  ] as const) {
    it(`mean ${code}: ${stderr.slice(0, 70)}`, () => assert.equal(explain(stderr)?.code, code));
  }

  it('are repeated, one line of them, with the database that they are about', () => {
    const error = explain(
      'pg_dump: error: query failed: ERROR:  permission denied for table secrets\npg_dump: detail: Query was: LOCK TABLE',
    );
    assert.equal(
      error?.message,
      'the database shop: the user is not allowed to do this: pg_dump: error: query failed: ERROR:  permission denied for table secrets',
    );
  });

  for (const words of [
    'SSL error: certificate verify failed',
    'root certificate file "system" does not exist',
    'FATAL:  connection requires a valid client certificate',
  ]) {
    it(`send to the certificates, not to the password: ${words}`, () => {
      const error = explain(
        `pg_dump: error: connection to server at "db" (10.0.0.1), port 5432 failed: ${words}`,
      );
      assert.equal(error?.code, 'DATABASE_AUTH');
      assert.match(error?.hint ?? '', /sslrootcert, sslcert and sslkey/);
    });
  }

  it('mean nothing known when they only quote a row', () => {
    assert.equal(
      explain('pg_restore: error: COPY failed\nCONTEXT:  COPY t, line 1: "permission denied"'),
      undefined,
    );
  });

  it('mean nothing when another program said them, or when it was killed', () => {
    const words = 'pg_dump: error: server closed the connection unexpectedly';
    assert.equal(explain(words, { program: '/usr/bin/zstd' }), undefined);
    assert.equal(explain(words, { stopped: true }), undefined);
    assert.equal(explain(words, { code: null, signal: 'SIGKILL' }), undefined);
  });
});
