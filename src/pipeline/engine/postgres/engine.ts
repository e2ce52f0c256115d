import type { Engine } from '../engine.ts';
import { check } from './check.ts';
import { databases } from './databases.ts';
import { explainTool } from './explain.ts';
import { inspect } from './inspect.ts';
import { instructions } from './instructions.ts';
import { plan } from './plan.ts';
import { prepareRestore } from './restore.ts';
import { openScratch } from './scratch.ts';
import { createClientToolsFinder } from './tools.ts';

/** PostgreSQL, by its own client tools. Keep it: it remembers the tools' versions from one run to the next. */
export function createPostgresEngine(): Engine {
  const finder = createClientToolsFinder();
  return {
    name: 'postgres',
    targets: { engines: ['postgres'], files: false },
    installed: async (context) =>
      (await finder.installed(context)).map(({ version, pgDump }) => ({
        program: 'pg_dump',
        version,
        path: pgDump,
      })),
    databases,
    inspect: (database, context) => inspect(database, context, finder),
    plan: (database, inspection, context) => plan({ database, inspection }, context, finder),
    check: (part, manifest, context) => check({ part, manifest }, context, finder),
    prepareRestore: (request, context) => prepareRestore(request, context, finder),
    scratch: (request, context) => openScratch(request, context, finder),
    explain: (failure, database) => explainTool(failure, `the database ${database.name}`),
    instructions,
  };
}
