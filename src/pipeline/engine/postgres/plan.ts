import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import type { DumpPlan, EngineContext, Inspection } from '../engine.ts';
import { parseConnection } from './connection.ts';
import { connectionEnvironment } from './environment.ts';
import { dumpGlobals } from './globals.ts';
import { neededBy } from './inspect.ts';
import type { ClientToolsFinder } from './tools.ts';

export const dataPart = 'data.dump';
export const globalsPart = 'globals.sql';

/** The database in the custom format, uncompressed because a codec compresses better, and the roles beside it. */
export async function plan(
  { database, inspection }: { database: DatabaseConfig; inspection: Inspection },
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<DumpPlan> {
  const connection = parseConnection(database.url);
  const major = Number.parseInt(inspection.engine.serverVersion, 10);
  const tools = await finder.choose(neededBy({ major }), context);
  const env = connectionEnvironment(connection, context);
  return {
    parts: [
      {
        name: dataPart,
        kind: 'data',
        source: { program: tools.pgDump, args: ['--format=custom', '--compress=0', '--no-password'], env },
        signature: Buffer.from('PGDMP'),
      },
      {
        name: globalsPart,
        kind: 'globals',
        source: (signal) => dumpGlobals({ tools, connection, env }, { ...context, signal }),
      },
    ],
    close: async () => undefined,
  };
}
