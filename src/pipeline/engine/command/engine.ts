import { BackupDataError } from '../../../shared/errors.ts';
import type { Engine } from '../engine.ts';
import { check } from './check.ts';
import { inspect } from './inspect.ts';
import { instructions } from './instructions.ts';
import { plan } from './plan.ts';
import { prepareRestore } from './restore.ts';

/** Whatever the programs of the configuration dump and restore. */
export function createCommandEngine(): Engine {
  return {
    name: 'command',
    targets: { engines: ['command'], files: false },
    // The programs are each database's own; `inspect` tells when one is missing.
    installed: null,
    inspect,
    plan: (database, _inspection, context) => plan(database, context),
    check: (part, _manifest, context, database) => check({ part, database }, context),
    prepareRestore,
    scratch: async ({ manifest }) => {
      throw new BackupDataError('CONFIG_INVALID', `a drill of ${manifest.backupId} cannot be held`, {
        hint: 'Nobody but its restore program can restore it.',
      });
    },
    explain: () => undefined,
    instructions,
  };
}
