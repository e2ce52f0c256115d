import type { Engine } from '../engine.ts';
import { check } from './check.ts';
import { explainTool } from './explain.ts';
import { inspect } from './inspect.ts';
import { instructions } from './instructions.ts';
import { plan } from './plan.ts';
import { prepareRestore } from './restore.ts';
import { openScratch } from './scratch.ts';
import { installedTools } from './tools.ts';

/** Files of SQLite, by its own program. */
export function createSqliteEngine(): Engine {
  return {
    name: 'sqlite',
    targets: { engines: ['sqlite'], files: true },
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
