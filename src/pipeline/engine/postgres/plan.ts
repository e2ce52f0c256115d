import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import type { DumpPlan, EngineContext, Inspection } from '../engine.ts';
import { countsPart } from '../row-counts.ts';
import { sourceFor } from '../source.ts';
import { parseConnection } from './connection.ts';
import { connectionEnvironment } from './environment.ts';
import { dumpGlobals } from './globals.ts';
import { neededBy } from './inspect.ts';
import { holdSnapshot } from './snapshot.ts';
import type { ClientToolsFinder } from './tools.ts';

export const dataPart = 'data.dump';
export const globalsPart = 'globals.sql';

/**
 * The database in the custom format, uncompressed because a codec compresses better, the roles beside it, and where the
 * configuration asks for it the rows of each table, counted on the dump's own snapshot.
 */
export async function plan(
  { database, inspection }: { database: DatabaseConfig; inspection: Inspection },
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<DumpPlan> {
  const connection = parseConnection(sourceFor(database, ['postgres']).url);
  const major = Number.parseInt(inspection.engine.serverVersion, 10);
  const tools = await finder.choose(neededBy({ major }), context);
  const env = connectionEnvironment(connection, context);
  // Last, because from here on it must be closed.
  const snapshot = database.verify.counts === 'exact' ? await holdSnapshot(connection, context) : null;
  const args = ['--format=custom', '--compress=0', '--no-password'];
  return {
    parts: [
      {
        name: dataPart,
        kind: 'data',
        source: {
          program: tools.pgDump,
          args: snapshot ? [...args, `--snapshot=${snapshot.id}`] : args,
          env,
        },
        signature: Buffer.from('PGDMP'),
      },
      {
        name: globalsPart,
        kind: 'globals',
        source: (signal) => dumpGlobals({ tools, connection, env }, { ...context, signal }),
      },
      ...(snapshot ? [{ name: countsPart, kind: 'counts' as const, source: snapshot.count }] : []),
    ],
    close: async () => snapshot?.close(),
  };
}
