import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'bullmq';
import { cancelSuccessor, findSuccessor } from '../../../src/producer/client/successor.ts';
import { summariseSuccessor } from '../../../src/producer/operations/job-document.ts';
import { loadConfig } from '../../../src/shared/config/load.ts';
import { redisPrefix } from '../../../src/shared/queues/names.ts';
import { withDiscovering } from '../../support/discovering.ts';
import { withInstallation } from '../../support/installation.ts';
import { until } from '../../support/until.ts';

describe('a look at a server that is asked for while one is active', () => {
  it('follows it, serves whoever asks meanwhile, and can be cancelled by its id', () =>
    withInstallation(async (installation) => {
      const discover = { url: installation.postgres.adminUrl };
      await installation.configure({ databases: { main: { engine: 'postgres', discover } } });
      const config = await loadConfig({ file: undefined, env: installation.env, cwd: installation.path });
      await withDiscovering(installation, async ({ client, redis, ask, outcome }) => {
        const active = await ask();
        const held = Promise.withResolvers<{ runs: []; vanished: [] }>();
        const connection = redis.duplicate({ maxRetriesPerRequest: null });
        const holder = new Worker('backups', () => held.promise, {
          connection,
          prefix: redisPrefix(config.installation),
        });
        try {
          await until('it is active', async () => (await client.findJob(active.jobId))?.isActive() ?? false);
          const [next, joined] = [await ask(), await ask()];
          assert.deepEqual([active.as, next.as, joined.as], ['new', 'successor', 'joined']);
          assert.equal(joined.jobId, next.jobId);
          const found = await findSuccessor({ client, redis, config, jobId: next.jobId });
          assert.ok(found);
          const { name, database, backupId, state } = summariseSuccessor(found);
          assert.deepEqual([name, database, backupId, state], ['discover', 'main', null, 'behind']);
          const cancelled = { redis, installation: config.installation, successor: found, by: 'a test' };
          assert.equal(await cancelSuccessor(cancelled), 'removed');
          await assert.rejects(outcome(next.jobId), { code: 'CANCELLED' });
          const last = await ask();
          assert.equal(last.as, 'successor');
          held.resolve({ runs: [], vanished: [] });
          assert.deepEqual(await outcome(last.jobId), { runs: [], vanished: [] });
        } finally {
          held.resolve({ runs: [], vanished: [] });
          await holder.close();
          connection.disconnect();
        }
      });
    }));
});
