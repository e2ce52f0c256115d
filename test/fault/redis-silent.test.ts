import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createBulk } from '../support/bulk-database.ts';
import { assertComplaint } from '../support/complaint.ts';
import { withFleet } from '../support/fleet.ts';
import { hangDump } from '../support/hung-dump.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/** A Redis that is stopped, not killed: its connections stay, new ones are accepted, and nothing answers. */
async function withPrivateRedis(
  use: (installation: Installation, redis: TestRedis) => Promise<void>,
): Promise<void> {
  const redis = await startRedis();
  try {
    await withInstallation((installation) => use(installation, redis), { redisUrl: redis.url });
  } finally {
    await redis.stop();
  }
}

describe('while Redis keeps its connections and answers nothing', () => {
  it('a command gives up within seconds', () =>
    withPrivateRedis(async ({ configure, run }, redis) => {
      await configure({ databases: { shop: { engine: 'postgres', url: 'postgres://u@127.0.0.1:1/shop' } } });
      await redis.kill('SIGSTOP');
      const asked = performance.now();
      assertComplaint(await run('jobs', 'list'), { code: 'REDIS_UNAVAILABLE', message: /does not answer/ });
      assert.ok(performance.now() - asked < 25_000);
    }));

  it('a run still ends at its maxDuration, and its tools with it', () =>
    withPrivateRedis(async (installation, redis) => {
      const { postgres, configure, start } = installation;
      const source = await createBulk(postgres, 16);
      const shop = { engine: 'postgres', url: postgres.url(source), maxDuration: '3s' };
      await configure({ databases: { shop } });
      await withFleet(installation, async (fleet) => {
        const worker = await start(['worker']);
        await fleet.backup('shop');
        const wake = await hangDump(postgres, source);
        try {
          assert.equal(await dumps(worker.pid), 1);
          await redis.kill('SIGSTOP');
          await until('the dump is stopped', async () => (await dumps(worker.pid)) === 0);
        } finally {
          wake();
          await redis.kill('SIGCONT');
        }
      });
    }));
});

/** How many dump tools the worker runs. */
async function dumps(worker: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'ppid=,args=']);
  return stdout.split('\n').filter((line) => new RegExp(`^\\s*${worker}\\s.*pg_dump\\b`).test(line)).length;
}
