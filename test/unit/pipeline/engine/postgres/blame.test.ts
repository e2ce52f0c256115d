import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blamesArchive } from '../../../../../src/pipeline/engine/postgres/blame.ts';
import { type StageExit, StageFailure } from '../../../../../src/pipeline/process/failure.ts';

const decoder: StageExit = { program: '/usr/bin/zstd', code: 0, signal: null, stopped: false, stderr: '' };
const restore: StageExit = { ...decoder, program: '/usr/bin/pg_restore' };

function blames(...exits: [Partial<StageExit>, Partial<StageExit>]): boolean {
  return blamesArchive(
    new StageFailure([
      { ...decoder, ...exits[0] },
      { ...restore, ...exits[1] },
    ]),
  );
}

const query = 'pg_restore: error: could not execute query: ERROR:  ';

describe('a failed restore', () => {
  for (const stderr of [
    'pg_restore: error: could not read from input file: end of file',
    'pg_restore: error: unexpected end of file',
    'pg_restore: error: unrecognized data block type (7) while searching archive',
    'pg_restore: error: COPY failed for table "t": ERROR:  missing data for column "b"',
    'pg_restore: error: COPY failed for table "t": ERROR:  invalid byte sequence for encoding "UTF8": 0xff',
    `${query}could not create unique index "t_pkey"\nDETAIL:  Key (id)=(1) is duplicated.`,
    `${query}insert or update on table "t" violates foreign key constraint "fk"`,
    `${query}relation "public.orders" does not exist`,
  ])
    it(`proves the backup bad: ${stderr.slice(0, 90)}`, () => assert.ok(blames({}, { code: 1, stderr })));

  for (const stderr of [
    `${query}extension "postgis" is not available`,
    `${query}could not open extension control file "/usr/share/x.control": No such file or directory`,
    `${query}could not access file "$libdir/postgis-3": No such file or directory`,
    `${query}type "public.geometry" does not exist`,
    `${query}function public.uuid_generate_v4() does not exist`,
    `${query}collation "de_DE" for encoding "UTF8" does not exist`,
    `${query}relation "pg_stat_old" does not exist`,
    `${query}tablespace "fast" does not exist`,
    `${query}unrecognized configuration parameter "transaction_timeout"`,
    'pg_restore: error: COPY failed for table "t": ERROR:  could not extend file "base/1": No space left on device',
    'pg_restore: error: COPY failed for table "t": ERROR:  out of memory',
    'pg_restore: error: COPY failed for table "t": ERREUR:  syntaxe',
    'pg_restore: error: something nobody has seen before',
    '',
  ])
    it(`says nothing of the backup: ${stderr.slice(0, 90)}`, () =>
      assert.ok(!blames({}, { code: 1, stderr })));

  it('proves it bad where a decoder refuses bytes whose hash is right', () =>
    assert.ok(
      blames({ code: 1, stderr: 'zstd: corrupt' }, { stopped: true, code: null, signal: 'SIGKILL' }),
    ));

  it('says nothing where a program was killed', () => {
    const killed = { code: null, signal: 'SIGKILL' } as const;
    assert.ok(!blames({ code: 70, stderr: 'zstd: Write error : Broken pipe' }, killed));
    assert.ok(!blames(killed, { code: null, signal: 'SIGKILL', stopped: true }));
  });
});
