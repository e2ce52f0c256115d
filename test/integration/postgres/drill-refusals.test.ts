import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { assertComplaint, type Complaint } from '../../support/complaint.ts';
import { backUpShop, createDriller, recorded } from '../../support/drill.ts';
import { runInProcess } from '../../support/in-process.ts';
import { type Installation, withInstallation } from '../../support/installation.ts';
import { makeTools } from '../../support/misbehaving-tools.ts';
import { query } from '../../support/postgres.ts';

it('a drill that says nothing of the backup fails and records nothing', (context) =>
  withInstallation(async (installation) => {
    const { postgres, path } = installation;
    const source = await postgres.createDatabase();
    await query(
      postgres.url(source),
      'CREATE TABLE item AS SELECT generate_series(1, 10) AS id; CREATE EXTENSION file_fdw',
    );
    const powerless = postgres.uniqueName();
    await query(postgres.adminUrl, `CREATE ROLE ${powerless} LOGIN PASSWORD 'drill-canary'`);
    const driller = await createDriller(postgres);
    const folder = await makeTools(join(path, 'tools'));
    await installation.configure({
      databases: {
        shop: { engine: 'postgres', url: postgres.url(source) },
        away: { engine: 'postgres', url: 'postgres://nobody@127.0.0.1:1/nothing' },
        powerless: { engine: 'postgres', url: postgres.url('postgres', powerless, 'drill-canary') },
        stranger: { engine: 'postgres', url: postgres.url('postgres', powerless, 'wrong') },
        lab: { engine: 'postgres', url: driller.url },
        own: { engine: 'postgres', url: postgres.adminUrl },
      },
      tools: { path: [folder] },
    });
    await backUpShop(installation);
    const refusals: Record<string, [string[], Complaint]> = {
      'no server named': [
        [],
        { code: 'USAGE', message: /needs a server to restore to/, hint: /--target NAME/ },
      ],
      'an unknown server': [['--target', 'nowhere'], { code: 'DATABASE_UNKNOWN', message: /"nowhere"/ }],
      'a server that is away': [
        ['--target', 'away'],
        { code: 'DATABASE_UNREACHABLE', message: /127\.0\.0\.1:1/ },
      ],
      'a log-in that is refused': [
        ['--target', 'stranger'],
        { code: 'DATABASE_AUTH', message: /refused the log-in/ },
      ],
      'a user who may not create databases': [
        ['--target', 'powerless'],
        {
          code: 'DATABASE_PERMISSION',
          message: /may not create a database/,
          hint: new RegExp(`ALTER ROLE "${powerless}" CREATEDB`),
        },
      ],
      'an extension that only a superuser may make': [
        ['--target', 'lab'],
        { code: 'DATABASE_PERMISSION', message: /permission denied to create extension "file_fdw"/ },
      ],
    };
    for (const [what, [target, complaint]] of Object.entries(refusals)) {
      await context.test(what, async () => {
        assertComplaint(await drill(installation, ...target), complaint);
        assert.deepEqual(await recorded(installation, 'restore'), []);
      });
    }
    for (const words of [
      'ERROR:  extension "postgis" is not available',
      'ERROR:  could not extend file "base/1/2": No space left on device',
      'ERROR:  type "geometry" does not exist',
      'ERREUR:  quelque chose',
    ]) {
      await context.test(`a restore that ends with ${words}`, async () => {
        const line = `pg_restore: error: could not execute query: ${words}`;
        const failing = `case "$*" in *--dbname*) ;; *) exec "$REAL" "$@";; esac; echo '${line}' >&2; exit 1`;
        await makeTools(folder, { pg_restore: failing });
        assertComplaint(await drill(installation, '--target', 'own'), {
          code: 'RESTORE_FAILED',
          message: new RegExp(words.slice(-20)),
        });
        assert.deepEqual(await recorded(installation, 'restore'), []);
      });
    }
    await context.test('but one whose rows the server refuses is recorded', async () => {
      const line =
        'pg_restore: error: COPY failed for table "item": ERROR:  invalid input syntax for type integer: "x"';
      const failing = `case "$*" in *--dbname*) ;; *) exec "$REAL" "$@";; esac; echo '${line}' >&2; exit 1`;
      await makeTools(folder, { pg_restore: failing });
      const failed = await drill(installation, '--target', 'own');
      assertComplaint(failed, { code: 'VERIFY_FAILED', message: /invalid input syntax/ });
      assert.deepEqual(
        (await recorded(installation, 'restore')).map(({ outcome }) => outcome),
        ['failed'],
      );
    });
    await context.test('and the source itself is used where it is named', async () => {
      await makeTools(folder);
      const proven = await drill(installation, '--target', 'shop');
      assert.equal(proven.code, 0, proven.stderr);
    });
    await context.test('a target is no part of another level', async () => {
      const refused = await runInProcess(installation, 'verify', 'shop', '--target', 'lab', '--here');
      assertComplaint(refused, { code: 'USAGE', message: /--target is for level restore/ });
    });
    assert.deepEqual(await driller.scratch(), []);
  }));

function drill(installation: Installation, ...target: string[]) {
  return runInProcess(installation, 'verify', 'shop', '--level', 'restore', ...target, '--here');
}
