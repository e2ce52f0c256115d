import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnrecoverableError } from 'bullmq';
import { BackupDataError, toFailedReason } from '../../../src/shared/errors.ts';
import { readAll, withEvents } from '../../support/events-bench.ts';
import { until } from '../../support/until.ts';

describe('an incident', () => {
  it('of three runs that fail is told once, after the last attempt, and so is its end', () =>
    withEvents({ databases: { shop: {} } }, async ({ produce, hire, run, mend, told, kinds }) => {
      await hire();
      await produce();
      const failed = [await run('shop'), await run('shop'), await run('shop')];
      await mend('shop');
      const good = await run('shop');
      await until('the recovery is told', () => kinds().includes('recovery'));
      const alerts = told().filter(({ kind }) => kind === 'failure' || kind === 'recovery');
      const [failure, recovery] = alerts;
      assert.deepEqual(
        alerts.map(({ id }) => id),
        [`failure-${failed[0]?.id}`, `recovery-failure-${failed[0]?.id}`],
      );
      assert.deepEqual(failure?.job, { id: failed[0]?.id, name: 'backup', attempt: 2, attempts: 2 });
      assert.equal(failure?.cause?.code, 'DUMP_FAILED');
      assert.equal(recovery?.backup?.id, good.id);
      assert.equal(recovery?.incident?.kind, 'failure');
      assert.ok(told().some(({ id }) => id === `success-${good.id}`));
    }));

  it('is none where somebody cancelled the run', () =>
    withEvents({ databases: { shop: {} } }, async (bench) => {
      const { produce, stand, run, kinds } = bench;
      await stand('backups', () => {
        const cancelled = new BackupDataError('CANCELLED', 'somebody cancelled it');
        throw new UnrecoverableError(toFailedReason(cancelled));
      });
      await produce();
      await readAll(bench, 'backups');
      assert.equal((await run('shop')).failedReason, '[CANCELLED] somebody cancelled it');
      await readAll(bench, 'backups');
      assert.deepEqual(
        kinds().filter((kind) => kind !== 'start'),
        [],
      );
    }));

  it('of a server that cannot be asked is told once, and so is its end', () =>
    withEvents({ databases: { main: server } }, async (bench) => {
      const { produce, stand, told, ended, client, loaded } = bench;
      let isAway = true;
      await stand('backups', () => {
        if (!isAway) return { runs: [] };
        throw new Error(toFailedReason(new BackupDataError('DATABASE_UNREACHABLE', 'it is away')));
      });
      await produce();
      const look = async () => {
        const main = loaded.config.servers.get('main');
        assert.ok(main);
        return ended('backups', (await client.discover(main)).jobId);
      };
      const [first] = [await look(), await look()];
      isAway = false;
      await look();
      await readAll(bench, 'backups');
      assert.deepEqual(
        told().map(({ kind, database, job }) => [kind, database, job?.name, job?.attempt]),
        [
          ['failure', 'main', 'discover', 2],
          ['recovery', 'main', 'discover', 1],
        ],
      );
      assert.ok(told()[0]?.id.startsWith(`failure-${first.id}`));
    }));

  it('of a database that leaves the configuration is over without a word, and a later one is told', () =>
    withEvents({ databases: { shop: {} } }, async (bench) => {
      const { produce, hire, run, kinds, loaded, redis, prefix } = bench;
      await hire();
      await produce();
      await run('shop');
      await until('it is told', () => kinds().includes('failure'));
      const { config } = loaded;
      Object.assign(loaded, { config: { ...config, databases: new Map() } });
      await until('it is forgotten', async () => (await redis.hlen(`${prefix}:incidents`)) === 0);
      Object.assign(loaded, { config });
      await run('shop');
      await until('the other is told', () => kinds().filter((kind) => kind === 'failure').length === 2);
      assert.ok(!kinds().includes('recovery'));
    }));
});

const server = {
  engine: 'postgres',
  dump: undefined,
  discover: { url: 'postgres://u@127.0.0.1:1/postgres' },
};
