import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { newBackupId } from '../../src/shared/ids.ts';
import { createBulk } from '../support/bulk-database.ts';
import { dashboardQueries, dashboardVariables } from '../support/dashboard.ts';
import { hourly, withSchedules } from '../support/due.ts';
import type { Installation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { monitoringPath, type PrometheusSample } from '../support/prometheus.ts';
import { until } from '../support/until.ts';
import { type Watched, withWatched } from '../support/watched.ts';

const { schedule, due } = hourly();

/** What makes each alert fire, and what ends it. Each leaves everything well. */
const stories: Readonly<Record<string, (watched: Watched) => Promise<void>>> = {
  // The first: no database has a backup yet.
  BackupStale: async ({ backup, fires, isOver }) => {
    await fires('BackupStale', { database: 'crm', job: 'backupdata', severity: 'critical' });
    for (const name of ['shop', 'crm']) await backup(name);
    await isOver('BackupStale');
  },

  BackupFailing: async (watched) => {
    const { fleet, backup, fires, isOver } = watched;
    await letConnect(watched, false);
    const run = await fleet.backup('shop');
    await assert.rejects(fleet.outcome(run), /is not currently accepting connections/);
    assert.equal((await fleet.job(run)).attemptsMade, 2);
    await fires('BackupFailing', { database: 'shop' });
    await letConnect(watched, true);
    await backup('shop');
    await isOver('BackupFailing');
  },

  // It is over six hours later, which the end waits for.
  BackupSlotsMissed: async ({ installation, producer, fleet, fires }) => {
    await producer.stop();
    await forgetSlots(installation, 2);
    await producer.start();
    await fires('BackupSlotsMissed', { database: 'crm' });
    await fleet.outcome(newBackupId({ database: 'crm', at: due, slot: due }));
  },

  // An hour later.
  BackupNotificationsFailing: async ({ sink, backup, fires }) => {
    sink.answer(404);
    await backup('shop');
    await fires('BackupNotificationsFailing', { notifier: 'ops' });
    sink.answer(200);
  },

  BackupVerificationFailed: async ({ installation, backup, fires, isOver }) => {
    const bad = await backup('shop');
    const data = (await installation.stored()).find((key) => key.includes(bad) && key.includes('data.dump'));
    await writeFile(join(installation.backups, data ?? ''), 'not what was stored');
    assert.notEqual((await installation.run('verify', bad)).code, 0);
    await fires('BackupVerificationFailed', { database: 'shop' });
    await backup('shop');
    await isOver('BackupVerificationFailed');
  },

  BackupSizeAnomaly: async ({ backup, fires, isOver, url }) => {
    await query(url('shop'), 'DELETE FROM bulk WHERE id > 10');
    await backup('shop');
    await fires('BackupSizeAnomaly', { database: 'shop' });
    await backup('shop');
    await isOver('BackupSizeAnomaly');
  },

  BackupQueueStuck: async ({ worker, fleet, fires, isOver }) => {
    worker.signal('SIGSTOP');
    const run = await fleet.backup('shop');
    await fires('BackupQueueStuck', { queue: 'backups' });
    worker.signal('SIGCONT');
    await fleet.outcome(run);
    await isOver('BackupQueueStuck');
  },

  BackupNoWorkers: async ({ worker, fleet, fires, isOver }) => {
    await worker.stop();
    const run = await fleet.backup('shop');
    await fires('BackupNoWorkers', { queue: 'backups' });
    await worker.start();
    await fleet.outcome(run);
    await isOver('BackupNoWorkers');
  },

  BackupProducerDown: async ({ producer, fires, isOver }) => {
    await producer.stop();
    await fires('BackupProducerDown', { job: 'backupdata' });
    await producer.start();
    await isOver('BackupProducerDown');
  },

  BackupStorageUnreachable: async ({ installation: { backups }, producer, backup, fires, isOver }) => {
    await producer.stop();
    await rename(backups, `${backups}.away`);
    await writeFile(backups, 'no folder');
    await producer.start();
    await fires('BackupStorageUnreachable', { storage: 'main' });
    await rm(backups);
    await rename(`${backups}.away`, backups);
    // Each catalog is read again after a run; without one, within five minutes.
    for (const name of ['shop', 'crm']) await backup(name);
    await isOver('BackupStorageUnreachable');
  },

  BackupRedisDown: async ({ redis, fires, isOver }) => {
    await redis.kill('SIGKILL');
    await fires('BackupRedisDown', { job: 'backupdata' });
    await redis.restart();
    await isOver('BackupRedisDown');
  },

  BackupConfigReloadFailed: async ({ installation, producer, configure, fires, isOver }) => {
    await writeFile(join(installation.path, 'backupdata.yaml'), 'databases: []');
    producer.signal('SIGHUP');
    await fires('BackupConfigReloadFailed', { job: 'backupdata' });
    await configure();
    producer.signal('SIGHUP');
    await isOver('BackupConfigReloadFailed');
  },
};

describe('a Prometheus with the rules of monitoring/', () => {
  it('sees every alert fire and end, and fills the dashboard', (test) =>
    withWatched(databases, async (watched) => {
      const { producer, worker, prometheus } = watched;
      await Promise.all([producer.start(), worker.start()]);
      for (const [alert, story] of Object.entries(stories)) await test.test(alert, () => story(watched));
      await test.test('the dashboard', () => showsAll(watched));
      const isQuiet = async (): Promise<boolean> => (await prometheus.firing()).length === 0;
      await until('no alert fires', isQuiet, 60_000);
    }));

  it('has no other alert', async () => {
    const rules = await readFile(join(monitoringPath, 'alerts.yml'), 'utf8');
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    assert.deepEqual(alerts.sort(), Object.keys(stories).sort());
  });

  it('takes the files as they are, and their own tests pass', async () => {
    const run = promisify(execFile);
    await run('promtool', ['check', 'config', 'prometheus.yml'], { cwd: monitoringPath });
    const { stdout } = await run('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd: monitoringPath });
    assert.match(stdout, /SUCCESS/);
  });
});

/** No query of the dashboard is without an answer, and what happened before can be seen. */
async function showsAll({ prometheus }: Watched): Promise<void> {
  const shown: { panel: string; samples: PrometheusSample[] }[] = [];
  for (const { panel, expr } of await dashboardQueries()) {
    let samples: PrometheusSample[] = [];
    const isThere = async (): Promise<boolean> => {
      samples = await prometheus.query(expr);
      return samples.length > 0;
    };
    await until(`"${panel}" shows ${expr}`, isThere);
    assert.ok(
      samples.every(({ value }) => Number.isFinite(value)),
      `${panel}: ${JSON.stringify(samples)}`,
    );
    shown.push({ panel, samples });
  }
  const of = (name: string) => shown.filter(({ panel }) => panel === name).flatMap(({ samples }) => samples);
  const above0 = (name: string) => of(name).filter(({ value }) => value > 0);
  assert.equal(above0('Runs that ended').length, 2, 'committed and failed');
  assert.deepEqual(
    above0('Throughput')
      .map(({ labels }) => labels.database)
      .sort(),
    ['crm', 'shop'],
  );
  assert.deepEqual(
    above0('Missed slots').map(({ labels }) => labels.database),
    ['crm'],
  );
  assert.deepEqual(
    above0('Notifications')
      .map(({ labels }) => labels.outcome)
      .sort(),
    ['failed', 'sent'],
  );
  const processes = of('Memory of the processes').map(({ labels }) => labels.job);
  assert.deepEqual(processes.sort(), ['backupdata', 'backupdata-worker']);
  for (const { label, selector } of await dashboardVariables()) {
    const values = await prometheus.labelValues(label, selector);
    assert.deepEqual(values, { job: ['backupdata'], database: ['crm', 'shop'] }[label]);
  }
}

async function databases({ postgres }: Installation): Promise<Record<string, Record<string, unknown>>> {
  const engine = 'postgres';
  const large = postgres.url(await createBulk(postgres, 2));
  const small = postgres.url(await postgres.createDatabase());
  return {
    shop: { engine, url: large, retention: { last: 3 }, sizeAnomaly: { last: 1 } },
    crm: { engine, url: small, schedule },
  };
}

/** Whether the server lets anybody into the database `shop`. */
async function letConnect({ installation: { postgres }, url }: Watched, allow: boolean): Promise<void> {
  const name = new URL(url('shop')).pathname.slice(1);
  await query(postgres.adminUrl, `ALTER DATABASE ${name} ALLOW_CONNECTIONS ${allow}`);
}

/** Leaves the schedule of `crm` as it is when nobody has seen to that many slots. */
async function forgetSlots(installation: Installation, slots: number): Promise<void> {
  await withSchedules(installation, async ({ ledger }) => {
    const { seenTo: from } = await ledger.read('crm');
    const to = new Date(due.getTime() - slots * 3_600_000);
    assert.ok(await ledger.advance('crm', { from, to, missed: 0 }));
  });
}
