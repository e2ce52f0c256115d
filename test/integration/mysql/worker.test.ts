import assert from 'node:assert/strict';
import { it } from 'node:test';
import { assertComplaint } from '../../support/complaint.ts';
import { backUpShop, recorded } from '../../support/drill.ts';
import { quickQueue, withInstallation } from '../../support/installation.ts';
import { sharedMariadb } from '../../support/mariadb.ts';
import { createSample, describeDatabase } from '../../support/mariadb-sample.ts';
import { makeTools } from '../../support/misbehaving-tools.ts';

it('a worker backs a MariaDB up, restores it and holds a drill, and no password is in what it says', async () => {
  const server = await sharedMariadb();
  try {
    await withInstallation(async (installation) => {
      const { url } = await createSample(server);
      const expected = await describeDatabase(url);
      await installation.configure({
        databases: {
          shop: { engine: 'mariadb', url },
          lab: { engine: 'mysql', url: server.url('mysql').replace('mariadb:', 'mysql:') },
        },
      });
      const backupId = await backUpShop(installation);
      assert.match(backupId, /^shop-/);
      const name = server.uniqueName();
      const worker = await installation.start(['worker']);
      const restored = await installation.run('restore', backupId, '--to', `lab/${name}`, '--create');
      assert.equal(restored.code, 0, restored.stderr);
      const drilled = await installation.run('verify', backupId, '--level', 'restore', '--target', 'lab');
      assert.equal(drilled.code, 0, drilled.stderr);
      const checked = await installation.run('check');
      assert.equal(checked.code, 0, checked.stdout + checked.stderr);
      await worker.stop();
      assert.deepEqual(await describeDatabase(server.url(name)), expected);
      const [mark] = await recorded(installation, 'restore');
      assert.equal(mark?.outcome, 'ok');
      assert.match(checked.stdout, /mariadb-dump/);
      const { password } = new URL(server.adminUrl);
      for (const { stdout, stderr } of [restored, drilled, checked])
        assert.ok(!`${stdout}${stderr}`.includes(password));
    });
  } finally {
    await server.stop();
  }
});

it('a worker ends a MariaDB backup whose dump, or the proof beside it, hangs', async () => {
  const server = await sharedMariadb();
  try {
    await withInstallation(async ({ path, configure, run, start }) => {
      const { url } = await createSample(server);
      await configure({
        databases: { shop: { engine: 'mariadb', url }, late: { engine: 'mariadb', url, maxDuration: '1s' } },
        queue: { ...quickQueue, attempts: 1 },
        timeouts: { noBytes: '2s' },
        tools: { path: [path, '/usr/bin', '/bin'] },
      });
      const worker = await start(['worker']);
      for (const pattern of ['*--no-data*', '*']) {
        const hangs = `case "$*" in ${pattern}) exec sleep 600;; esac\nexec "$REAL" "$@"`;
        await makeTools(path, { 'mariadb-dump': hangs, mariadb: 'exec "$REAL" "$@"' });
        assertComplaint(await run('backup', 'shop'), { code: 'TIMEOUT', message: /no byte moved for 2 s/ });
        assertComplaint(await run('backup', 'late'), { code: 'TIMEOUT', message: /longer than maxDuration/ });
      }
      await worker.stop();
    });
  } finally {
    await server.stop();
  }
});
