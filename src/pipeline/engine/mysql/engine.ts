import type { Engine } from '../engine.ts';
import { check } from './check.ts';
import { databases } from './databases.ts';
import { explainTool } from './failures.ts';
import { inspect } from './inspect.ts';
import { instructions } from './instructions.ts';
import { plan } from './plan.ts';
import { prepareRestore } from './restore.ts';
import { openScratch } from './scratch.ts';
import { createClientToolsFinder } from './tools.ts';

/** MySQL and MariaDB, each by its own client programs. Keep it: it remembers what it learned of them. */
export function createMysqlEngine(name: 'mysql' | 'mariadb'): Engine {
  const finder = createClientToolsFinder();
  return {
    name,
    targets: { engines: ['mysql', 'mariadb'], files: false },
    installed: async (context) =>
      (await finder.installed(context)).map(({ flavour, version, dump }) => ({
        program: flavour === 'mysql' ? 'mysqldump' : 'mariadb-dump',
        version,
        path: dump,
      })),
    databases: (source, context) => databases(source, context, finder),
    inspect: (database, context) => inspect(database, context, finder),
    plan: (database, inspection, context) => plan({ database, inspection }, context, finder),
    check: (part, _manifest, context) => check({ part }, context),
    prepareRestore: (request, context) => prepareRestore(request, context, finder),
    scratch: (request, context) => openScratch(request, context, finder),
    explain: (failure, database) => explainTool(failure, `the database ${database.name}`),
    instructions,
  };
}
