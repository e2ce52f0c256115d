import type { Engine } from '../engine.ts';
import { check } from './check.ts';
import { explainTool } from './failures.ts';
import { inspect } from './inspect.ts';
import { instructions } from './instructions.ts';
import { plan } from './plan.ts';
import { prepareRestore } from './restore.ts';
import { openScratch } from './scratch.ts';
import { installedTools } from './tools.ts';

/** Redis and Valkey, by redis-cli and redis-check-rdb. */
export function createRedisEngine(): Engine {
  return {
    name: 'redis',
    targets: { engines: ['redis'], files: true },
    installed: installedTools,
    inspect,
    plan,
    check,
    prepareRestore,
    scratch: openScratch,
    explain: (failure, database) => explainTool(failure, `the database ${database.name}`),
    instructions,
  };
}
