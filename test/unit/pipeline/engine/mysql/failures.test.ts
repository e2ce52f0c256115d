import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blamesDump } from '../../../../../src/pipeline/engine/mysql/blame.ts';
import { explainTool } from '../../../../../src/pipeline/engine/mysql/failures.ts';
import { trailer } from '../../../../../src/pipeline/engine/mysql/trailer.ts';
import { StageFailure } from '../../../../../src/pipeline/process/failure.ts';

const failureOf = (program: string, stderr: string, changes = {}) =>
  new StageFailure([
    { program: `/usr/bin/${program}`, code: 1, signal: null, stderr, stopped: false, ...changes },
  ]);

describe('what the client programs say', () => {
  it('has a meaning by its number, in each form', () => {
    const meanings: [string, string, string][] = [
      ['mariadb', "ERROR 1045 (28000): Access denied for user 'a'@'b'", 'DATABASE_AUTH'],
      ['mysql', 'ERROR 2026 (HY000): SSL connection error: error:0A', 'DATABASE_AUTH'],
      ['mariadb', 'ERROR 1142 (42000) at line 7: SELECT command denied', 'DATABASE_PERMISSION'],
      [
        'mariadb-dump',
        'mariadb-dump: Got error: 1049: "Unknown database \'x\'" when selecting the database',
        'DATABASE_MISSING',
      ],
      [
        'mysqldump',
        'mysqldump: Got error: 2002: "Can\'t connect" when trying to connect',
        'DATABASE_UNREACHABLE',
      ],
      [
        'mariadb-dump',
        'mariadb-dump: Error 2013: Lost connection to server during query when dumping table `t` at row: 12',
        'DATABASE_UNREACHABLE',
      ],
      [
        'mariadb',
        "ERROR 1226 (42000): User 'a' has exceeded the 'max_user_connections' resource (current value: 1)",
        'DATABASE_UNREACHABLE',
      ],
      [
        'mariadb-dump',
        "mariadb-dump: Couldn't execute 'show create table `v`': SHOW VIEW command denied (1142)",
        'DATABASE_PERMISSION',
      ],
    ];
    for (const [program, stderr, code] of meanings)
      assert.equal(explainTool(failureOf(program, `a warning\n${stderr}\n`), 'x')?.code, code, stderr);
  });

  it('has none when another program says it, when it was stopped, or when it quotes', () => {
    const denied = 'ERROR 1045 (28000): Access denied';
    assert.equal(explainTool(failureOf('zstd', denied), 'x'), undefined);
    assert.equal(explainTool(failureOf('mariadb', denied, { stopped: true }), 'x'), undefined);
    assert.equal(explainTool(failureOf('mariadb', `ERROR 1064 (42000): near '${denied}'`), 'x'), undefined);
  });

  it('proves a dump bad only where that is certain', () => {
    assert.ok(
      blamesDump(failureOf('mariadb', 'ERROR 1064 (42000) at line 3: You have an error in your SQL syntax')),
    );
    assert.ok(blamesDump(failureOf('mariadb', "ERROR 1062 (23000) at line 3: Duplicate entry '1'")));
    assert.ok(blamesDump(failureOf('zstd', 'zstd: corrupted block')));
    for (const stderr of [
      'ERROR 1142 (42000) at line 3: TRIGGER command denied',
      "ERROR 1273 (HY000) at line 3: Unknown collation: 'utf8mb4_x'",
      'ERROR 1114 (HY000) at line 3: The table is full',
      'ERROR 2013 (HY000) at line 3: Lost connection to server during query',
    ])
      assert.ok(!blamesDump(failureOf('mariadb', stderr)), stderr);
    assert.ok(!blamesDump(failureOf('mariadb', '', { code: null, signal: 'SIGKILL' })));
  });
});

describe('the end of a whole dump', () => {
  it('is its last line, with a time or without', () => {
    const isWhole = (text: string) => trailer.isIn(Buffer.from(text));
    assert.ok(isWhole('x;\n\n-- Dump completed on 2026-11-25  7:12:28\n'));
    assert.ok(isWhole('-- Dump completed\n'));
    for (const text of [
      '',
      'x;\n',
      '-- Dump completed',
      '-- Dump completed\nINSERT',
      "('-- Dump completed\n",
      '-- Dump completed on x\n\n',
    ])
      assert.ok(!isWhole(text), JSON.stringify(text));
  });
});
