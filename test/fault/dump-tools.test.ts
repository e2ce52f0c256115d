import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeAgeKey } from '../support/age.ts';
import { assertComplaint, type Complaint } from '../support/complaint.ts';
import { type Installation, quickQueue, type Running, withInstallation } from '../support/installation.ts';
import { createGate, type Gate, makeTools } from '../support/misbehaving-tools.ts';
import { query, startPostgres } from '../support/postgres.ts';
import { contentOf } from '../support/postgres-sample.ts';
import { until } from '../support/until.ts';
import { linesOf } from '../support/worker-log.ts';

const queue = { ...quickQueue, attempts: 1 };

/** What a run of the real pg_dump wrote, in `$dump`; it is removed when the lines end. */
const wholeDump =
  'dump=$(mktemp); trap \'rm -f "$dump"\' EXIT; "$REAL" "$@" > "$dump" || exit; half=$(($(wc -c < "$dump") / 2))';

interface Listed {
  backupId: string;
  verification: string;
}

describe('a dump tool that misbehaves leaves no backup and no object', () => {
  it('however it does', (context) =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, run, start } = installation;
      const database = await filledDatabase(installation);
      const shop = { engine: 'postgres', url: postgres.url(database) };
      const failed = (ending: RegExp): Complaint => ({
        code: 'DUMP_FAILED',
        message: new RegExp(`the dump of shop \\(data\\.dump\\) failed: .*${ending.source}`),
      });
      const empty = (what: RegExp): Complaint => ({
        code: 'DUMP_EMPTY',
        message: new RegExp(`ended well, but its output ${what.source} \\(data\\.dump of shop\\)`),
      });
      const table: Record<
        string,
        { pg_dump?: string; pg_dumpall?: string; zstd?: string; complaint: Complaint }
      > = {
        'exits with 7 after half of its output': {
          pg_dump: `${wholeDump}; head -c $half "$dump"; echo 'pg_dump: error: out of paper' >&2; exit 7`,
          complaint: failed(/pg_dump exited with code 7: pg_dump: error: out of paper/),
        },
        'exits with 1 after its whole output': {
          pg_dump: '"$REAL" "$@"; exit 1',
          complaint: failed(/pg_dump exited with code 1/),
        },
        'is killed after half of its output': {
          pg_dump: `${wholeDump}; head -c $half "$dump"; rm -f "$dump"; kill -KILL $$`,
          complaint: failed(/pg_dump was killed by SIGKILL/),
        },
        'writes nothing and exits 0': { pg_dump: 'exit 0', complaint: empty(/is empty/) },
        'writes something else and exits 0': {
          pg_dump: 'head -c 300000 /dev/urandom',
          complaint: empty(/does not begin as its format does/),
        },
        'writes less than a signature and exits 0': {
          pg_dump: 'printf PGD',
          complaint: empty(/does not begin as its format does/),
        },
        'cuts the globals short and exits 0': {
          pg_dumpall: '"$REAL" "$@" | head -c 300',
          complaint: {
            code: 'DUMP_FAILED',
            message: /dump of the globals of .* failed: its output ends before its last line/,
          },
        },
        'fails at once while the dump of the globals hangs': {
          pg_dump: 'exit 1',
          pg_dumpall: 'exec sleep 600',
          complaint: failed(/pg_dump exited with code 1/),
        },
        'fails to dump the globals': {
          pg_dumpall: "echo 'pg_dumpall: error: no' >&2; exit 3",
          complaint: {
            code: 'DUMP_FAILED',
            message: /dump of the globals of .* failed: pg_dumpall exited with code 3/,
          },
        },
        'is followed by a compressor that fails': {
          zstd: 'head -c 1000; exit 70',
          complaint: { code: 'DUMP_FAILED', message: /zstd exited with code 70/ },
        },
      };
      const tools = await makeTools(join(path, 'tools'));
      await configure({ databases: { shop }, queue, tools: { path: [tools] } });
      await start(['worker']);
      for (const [what, { complaint, ...misbehaviour }] of Object.entries(table)) {
        await context.test(what, async () => {
          await makeTools(tools, misbehaviour);
          assertComplaint(await run('backup', 'shop'), complaint);
          assert.deepEqual(await installation.stored(), ['backupdata.json']);
        });
      }
    }));

  it('although what it wrote is encrypted, and nobody here has the key', (context) =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, run, start } = installation;
      const database = await filledDatabase(installation);
      const { recipient } = await makeAgeKey();
      const shop = {
        engine: 'postgres',
        url: postgres.url(database),
        encryption: { type: 'age', recipients: [recipient] },
      };
      const tools = await makeTools(join(path, 'tools'));
      await configure({ databases: { shop }, queue, tools: { path: [tools] } });
      await start(['worker']);
      const empty = (what: RegExp): Complaint => ({
        code: 'DUMP_EMPTY',
        message: new RegExp(`ended well, but its output ${what.source} \\(data\\.dump of shop\\)`),
      });
      const other = empty(/does not begin as its format does/);
      const table: Record<string, [Parameters<typeof makeTools>[1], Complaint]> = {
        'nothing, and exit code 0': [{ pg_dump: 'exit 0' }, empty(/is empty/)],
        'something else': [{ pg_dump: 'head -c 3000000 /dev/urandom' }, other],
        'less than a signature': [{ pg_dump: 'printf PGD' }, other],
        'by an age that fails': [
          { age: 'head -c 1000; exit 70' },
          { code: 'DUMP_FAILED', message: /age exited with code 70/ },
        ],
        'by an age that passes everything through': [{ age: 'exec cat' }, empty(/is empty/)],
      };
      for (const [what, [misbehaviour, complaint]] of Object.entries(table)) {
        await context.test(what, async () => {
          await makeTools(tools, misbehaviour);
          assertComplaint(await run('backup', 'shop'), complaint);
          assert.deepEqual(await installation.stored(), ['backupdata.json']);
        });
      }
      await context.test('a whole dump is a backup', async () => {
        await makeTools(tools);
        await query(
          postgres.url(database),
          'CREATE EXTENSION pgcrypto; CREATE TABLE noise AS SELECT gen_random_bytes(1024) FROM generate_series(1, 2000)',
        );
        assert.equal((await run('backup', 'shop')).code, 0);
      });
    }));

  it('when it exits 0 with half a dump, the verification fails and the older backup stays the good one', () =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, run, start } = installation;
      const database = await filledDatabase(installation);
      const shop = { engine: 'postgres', url: postgres.url(database) };
      await configure({ databases: { shop }, queue });
      const honest = await start(['worker']);
      const good = await backupId(installation);
      await until(
        'the first backup is verified',
        async () => (await listed(installation, good))?.verification === 'decoded',
      );
      await honest.stop();

      const tools = await makeTools(join(path, 'tools'), { pg_dump: `${wholeDump}; head -c $half "$dump"` });
      await configure({ databases: { shop }, queue, tools: { path: [tools] } });
      const worker = await start(['worker']);
      const bad = await backupId(installation);
      await until(
        'the second backup is found wanting',
        async () => (await listed(installation, bad))?.verification === 'FAILED',
      );
      assertAlert(worker, bad);
      assert.equal((await listed(installation, good))?.verification, 'decoded');
      const complaint: Complaint = {
        code: 'VERIFY_FAILED',
        message: new RegExp(`${bad} failed verification \\(decode\\): .*pg_restore`),
      };
      assertComplaint(await run('verify', bad, '--here'), complaint);
      assertComplaint(await run('verify', bad), complaint);

      const [refused, copy] = [postgres.uniqueName(), postgres.uniqueName()];
      const partial = await run('restore', bad, '--to', `shop/${refused}`, '--create');
      assertComplaint(partial, { code: 'RESTORE_FAILED', message: /pg_restore exited with code 1/ });
      assert.deepEqual(
        await query(postgres.adminUrl, `select from pg_database where datname = '${refused}'`),
        [],
      );
      const whole = await run('restore', good, '--to', `shop/${copy}`, '--create');
      assert.equal(whole.code, 0, whole.stderr);
      assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(postgres.url(database)));
    }));
});

describe('a database that goes away in the middle of its dump', () => {
  for (const [what, goAway] of Object.entries({
    'its session is ended': async (server: Awaited<ReturnType<typeof startPostgres>>) => {
      const ended = await query(
        server.adminUrl,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'backupdata' and query ~ '^COPY'",
      );
      assert.equal(ended.length, 1, 'the dump was in the middle of a table');
    },
    'its server is killed': (server: Awaited<ReturnType<typeof startPostgres>>) => server.stop(),
  })) {
    it(`fails the run with the tool's own words and leaves nothing when ${what}`, () =>
      withInstallation(async (installation) => {
        const { path, configure, run, start, stored } = installation;
        const server = await startPostgres();
        try {
          const database = await server.createDatabase();
          await query(
            server.url(database),
            'CREATE TABLE big AS SELECT i, repeat(md5(i::text), 32) AS text FROM generate_series(1, 32000) i',
          );
          const gate = createGate(path, 'half');
          const tools = await makeTools(join(path, 'tools'), {
            pg_dump: stoppedHalfway(gate),
          });
          const shop = { engine: 'postgres', url: server.url(database) };
          await configure({ databases: { shop }, queue, tools: { path: [tools] } });
          await start(['worker']);
          const running = run('backup', 'shop');
          await gate.reached();
          await goAway(server);
          await gate.open();
          // The server takes the dump of the globals down too, and either may be heard first.
          const message =
            /the connection to the server was lost or refused: pg_dump(all)?: .*(terminating connection|server closed the connection|could not receive data|could not connect)/;
          assertComplaint(await running, { code: 'DATABASE_UNREACHABLE', message });
          assert.deepEqual(await stored(), ['backupdata.json']);
        } finally {
          await server.stop();
        }
      }));
  }
});

/** The real pg_dump, of whose output a megabyte passes before it has to wait; its exit code is the real one's. */
function stoppedHalfway(gate: Gate): string {
  return `pipe=$(mktemp -u); mkfifo "$pipe"; "$REAL" "$@" > "$pipe" & { rm "$pipe"; head -c 1000000; ${gate.lines}; cat; } < "$pipe"; wait $!`;
}

async function filledDatabase({ postgres }: Installation): Promise<string> {
  const database = await postgres.createDatabase();
  await query(
    postgres.url(database),
    'CREATE TABLE item AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 50000) i',
  );
  return database;
}

async function backupId({ run }: Installation): Promise<string> {
  const made = await run('backup', 'shop', '--json');
  assert.equal(made.code, 0, made.stderr);
  const [backup] = made.json<{ runs: { backupId: string }[] }>().runs;
  return backup?.backupId ?? '';
}

async function listed({ run }: Installation, id: string): Promise<Listed | undefined> {
  const list = await run('list', 'shop', '--json');
  return list.json<{ backups: Listed[] }>().backups.find((each) => each.backupId === id);
}

/** Whoever watches the worker's log for errors is told which backup is bad. */
function assertAlert(worker: Running, id: string): void {
  const alerts = linesOf(worker, id).filter((line) => line.level === 'error');
  assert.deepEqual(
    alerts.map((line) => line.error?.code),
    ['VERIFY_FAILED'],
  );
}
