import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { assertComplaint } from '../../support/complaint.ts';
import { recorded } from '../../support/drill.ts';
import { withInstallation } from '../../support/installation.ts';
import { contentOf, createSample } from '../../support/sqlite-sample.ts';

it('a file of SQLite is backed up, drilled and restored by a worker', () =>
  withInstallation(async (installation) => {
    const { path, configure, run, start } = installation;
    const file = join(path, 'app.db');
    createSample(file);
    const verify = { counts: 'exact', assertions: ['SELECT count(*) > 0 FROM orders'] };
    await configure({ databases: { app: { engine: 'sqlite', path: file, verify } } });
    const worker = await start(['worker']);
    const made = await run('backup', 'app', '--json');
    assert.equal(made.code, 0, made.stderr);
    const checked = await run('check');
    assert.match(
      checked.stdout,
      /sqlite3 .*\n[\s\S]*database app .*sqlite \d/,
      checked.stdout + checked.stderr,
    );

    for (const here of [[], ['--here']]) {
      const drilled = await run('verify', 'app', '--level', 'restore', ...here);
      assert.equal(drilled.code, 0, drilled.stderr);
    }
    const proofs = await recorded(installation, 'restore');
    assert.deepEqual(
      proofs.map(({ outcome, drill }) => [outcome, drill?.tables, drill?.assertions]),
      [
        ['ok', 10, 1],
        ['ok', 10, 1],
      ],
    );
    assertComplaint(await run('verify', 'app', '--level', 'restore', '--target', 'app'), {
      code: 'USAGE',
      message: /a backup of sqlite needs none/,
    });

    for (const target of [`app/${join(path, 'by-worker.db')}`, './own.db']) {
      const restored = await run('restore', 'app', '--to', target, '--create');
      assert.equal(restored.code, 0, restored.stderr);
    }
    for (const name of ['by-worker.db', 'own.db']) {
      assert.deepEqual(contentOf(join(path, name)), contentOf(file));
      assert.equal((await stat(join(path, name))).mode & 0o777, 0o600);
    }
    assert.equal((await readdir(path)).filter((name) => name.includes('bkd-tmp')).length, 0);
    assert.equal(await worker.stop(), 0);
  }));

it('a drill tells an assertion that does not hold, and does not blame the backup for one that cannot be run', () =>
  withInstallation(async (installation) => {
    const { path, configure, run, start } = installation;
    const file = join(path, 'app.db');
    createSample(file);
    const assertion = async (text: string): Promise<void> =>
      configure({ databases: { app: { engine: 'sqlite', path: file, verify: { assertions: [text] } } } });
    await assertion('SELECT count(*) = 0 FROM orders');
    const worker = await start(['worker']);
    assert.equal((await run('backup', 'app')).code, 0);
    await worker.stop();
    const drill = () => run('verify', 'app', '--level', 'restore', '--here');
    assertComplaint(await drill(), {
      code: 'VERIFY_FAILED',
      message: /assertion 1 does not hold: .*it gave 0/,
    });
    await assertion('SELECT 1 FROM gone');
    assertComplaint(await drill(), { code: 'VERIFY_FAILED', message: /no such table: gone/ });
    const before = (await recorded(installation, 'restore')).length;
    await assertion('DELETE FROM orders');
    assertComplaint(await drill(), { code: 'CONFIG_INVALID', message: /cannot be run/ });
    assert.equal((await recorded(installation, 'restore')).length, before);
  }));
