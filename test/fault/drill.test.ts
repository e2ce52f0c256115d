import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { newScratchName } from '../../src/shared/ids.ts';
import { assertComplaint } from '../support/complaint.ts';
import { backUpShop, createDriller, recorded } from '../support/drill.ts';
import { type Installation, type Running, withInstallation } from '../support/installation.ts';
import { createGate, type Gate, makeTools } from '../support/misbehaving-tools.ts';
import { query, startPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const byWorker = ['verify', 'shop', '--level', 'restore'];

it('a drill whose server is killed records nothing, whether it restores or compares', (context) =>
  withDrill(async ({ installation, configure, hold }) => {
    for (const stopped of ['pg_restore', 'pg_dump'] as const) {
      await context.test(`at ${stopped}`, async () => {
        const server = await startPostgres();
        try {
          await configure(server.adminUrl);
          const gate = await hold(stopped);
          const drill = installation.run(...byWorker, '--here');
          await gate.reached();
          await server.stop();
          await gate.open();
          assertComplaint(await drill, { code: 'DATABASE_UNREACHABLE', message: /lost or refused/ });
          assert.deepEqual(await recorded(installation, 'restore'), []);
        } finally {
          await server.stop();
        }
      });
    }
  }));

it('an aborted drill leaves no database, wherever it was', (context) =>
  withDrill(async ({ installation, driller, configure, hold }) => {
    await configure(driller.url);
    for (const stopped of ['pg_restore', 'pg_dump'] as const) {
      await context.test(`by SIGINT at ${stopped}`, async () => {
        const gate = await hold(stopped);
        const drill = await installation.start([...byWorker, '--here'], { ready: /: (restore|compare)\n/ });
        await gate.reached();
        assert.equal((await driller.scratch()).length, 1);
        assert.equal(await drill.stop('SIGINT'), 130);
        assert.deepEqual(await driller.scratch(), []);
      });
      await context.test(`by a cancelled job at ${stopped}`, async () => {
        const gate = await hold(stopped);
        const worker = await installation.start(['worker']);
        const drill = installation.run(...byWorker);
        await gate.reached();
        const listed = await installation.run('jobs', 'list', '--json');
        const { jobs } = listed.json<{ jobs: { id: string; state: string }[] }>();
        const job = jobs.find(({ state }) => state === 'active');
        const cancelled = await installation.run('jobs', 'cancel', job?.id ?? '');
        assert.equal(cancelled.code, 0, cancelled.stderr);
        const ended = await drill;
        assert.deepEqual([ended.code, /error: cancelled by/.test(ended.stderr)], [1, true], ended.stderr);
        await until('it is dropped', async () => (await driller.scratch()).length === 0);
        assert.equal(await worker.stop(), 0);
      });
    }
    assert.deepEqual(await recorded(installation, 'restore'), []);
  }));

it('what a killed worker left is swept by a drill a day later, and the job is done by another worker', () =>
  withDrill(async ({ installation, driller, configure, hold }) => {
    await configure(driller.url);
    const gate = await hold('pg_restore');
    const worker = await installation.start(['worker']);
    const drill = installation.run(...byWorker);
    await gate.reached();
    await worker.stop('SIGKILL');
    const [left = ''] = await driller.scratch();
    assert.match(left, /^bkd_drill_/);
    const dead = newScratchName(new Date(Date.now() - 25 * 3_600_000));
    await until('its programs are gone', async () => {
      const sessions = await query(driller.url, `SELECT pid FROM pg_stat_activity WHERE datname = '${left}'`);
      return sessions.length === 0;
    });
    await query(driller.url, `ALTER DATABASE ${left} RENAME TO ${dead}`);
    await gate.open();
    const next: Running = await installation.start(['worker']);
    const ended = await drill;
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(await driller.scratch(), []);
    assert.deepEqual(
      (await recorded(installation, 'restore')).map(({ outcome }) => outcome),
      ['ok'],
    );
    assert.equal(await next.stop(), 0);
  }));

interface Bench {
  installation: Installation;
  driller: Awaited<ReturnType<typeof createDriller>>;
  /** Drills are held on that server from now on. */
  configure(url: string): Promise<void>;
  /** The next call of that program stops at a gate: pg_restore where it restores, pg_dump where it reads what was restored. */
  hold(program: 'pg_restore' | 'pg_dump'): Promise<Gate>;
}

function withDrill(use: (bench: Bench) => Promise<void>): Promise<void> {
  return withInstallation(async (installation) => {
    const { postgres, path } = installation;
    const source = await postgres.createDatabase();
    await query(postgres.url(source), 'CREATE TABLE item AS SELECT generate_series(1, 1000) AS id');
    const driller = await createDriller(postgres);
    const folder = await makeTools(join(path, 'tools'));
    const configure = (url: string): Promise<void> =>
      installation.configure({
        databases: {
          shop: { engine: 'postgres', url: postgres.url(source), verify: { target: 'lab' } },
          lab: { engine: 'postgres', url },
        },
        tools: { path: [folder] },
      });
    await configure(driller.url);
    await backUpShop(installation);
    let held = 0;
    const hold = async (program: 'pg_restore' | 'pg_dump'): Promise<Gate> => {
      held += 1;
      const gate = createGate(path, `gate-${held}`);
      const passed = program === 'pg_restore' ? '*--list*|*--file*' : 'nothing';
      const lines = `case "$*" in ${passed}) exec "$REAL" "$@";; esac; ${gate.lines}; exec "$REAL" "$@"`;
      await makeTools(folder, { [program]: lines });
      return gate;
    };
    await use({ installation, driller, configure, hold });
  });
}
