import type { Engine } from '../engine.ts';
import { check } from './check.ts';
import { explainTool } from './failures.ts';
import { inspect } from './inspect.ts';
import { instructions } from './instructions.ts';
import { plan } from './plan.ts';
import { prepareRestore } from './restore.ts';
import { openScratch } from './scratch.ts';
import { installedTools } from './tools.ts';

/** SQLite, by its shell sqlite3. */
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
