import { BackupDataError } from '../../../shared/errors.ts';
import type { Engine } from '../engine.ts';
import { explainTool } from './failures.ts';
import { inspect } from './inspect.ts';
import { instructions } from './instructions.ts';
import { plan } from './plan.ts';
import { prepareRestore } from './restore.ts';
import { installedTools } from './tools.ts';

/** Redis and Valkey, by redis-cli and redis-check-rdb. */
export function createRedisEngine(): Engine {
  return {
    name: 'redis',
    targets: { engines: ['redis'], files: true },
    drills: 'never',
    installed: installedTools,
    inspect,
    plan,
    check: async () => null,
    prepareRestore,
    scratch: async () => {
      throw new BackupDataError('CONFIG_INVALID', 'a backup of Redis cannot be drilled', {
        hint: 'Verify it with --level decode, which reads all of it with redis-check-rdb.',
      });
    },
    explain: (failure, database) => explainTool(failure, `the database ${database.name}`),
    instructions,
  };
}
