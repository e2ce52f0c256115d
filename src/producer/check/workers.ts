import type { Config } from '../../shared/config/schema.ts';
import { configuredPools } from '../../shared/config/servers.ts';
import { exitCodeOf } from '../../shared/errors.ts';
import { defaultPool, workerQueues } from '../../shared/queues/names.ts';
import type { Secret } from '../../shared/secret.ts';
import type { Client } from '../client/client.ts';
import { withClient } from '../client/open.ts';
import { type Finding, ok, problem } from './finding.ts';

/** Whether every queue of every pool that the configuration names has a worker. */
export async function checkWorkers(options: {
  config: Config;
  redisUrl: Secret;
}): Promise<readonly Finding[]> {
  const pools = configuredPools(options.config);
  return withClient(options, ({ client }) => Promise.all(pools.map((pool) => checkPool(client, pool))));
}

async function checkPool(client: Client, pool: string): Promise<Finding> {
  const name = `workers ${pool}`;
  const counts = await Promise.all(workerQueues.map((queue) => client.queue(queue, pool).getWorkersCount()));
  const idle = workerQueues.filter((_, index) => counts[index] === 0);
  if (idle.length === 0) return ok(name, `${Math.min(...counts)} connected`);
  const option = pool === defaultPool ? '' : ` --pool ${pool}`;
  return problem(name, {
    detail: `no worker takes jobs of this pool (${idle.join(', ')})`,
    hint: `Start one with \`backupdata worker${option}\`; \`backupdata up\` brings its own.`,
    exit: exitCodeOf('REDIS_UNAVAILABLE'),
  });
}
