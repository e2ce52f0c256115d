import type { DatabaseConfig, SourceOf } from '../../../shared/config/schema.ts';
import type { DumpPlan, EngineContext, Inspection } from '../engine.ts';
import { countsPart } from '../row-counts.ts';
import { sourceFor } from '../source.ts';
import { type Connection, parseConnection } from './connection.ts';
import { dumpArguments } from './dump-options.ts';
import { connectionEnvironment } from './environment.ts';
import { dumpGlobals } from './globals.ts';
import { neededBy } from './inspect.ts';
import { readSelection, rowsIn, type Selection } from './selection.ts';
import { withSession } from './session.ts';
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
  const source = sourceFor(database, ['postgres']);
  const connection = parseConnection(source.url);
  const major = Number.parseInt(inspection.engine.serverVersion, 10);
  const tools = await finder.choose(neededBy({ major }), context);
  const env = connectionEnvironment(connection, context);
  const selection = await selectionOf(source, connection, context);
  // Last, because from here on it must be closed.
  const snapshot =
    database.verify.counts === 'exact'
      ? await holdSnapshot(
          { connection, holdsRows: rowsIn(source, selection), lockTimeout: source.lockTimeout },
          context,
        )
      : null;
  const args = ['--format=custom', '--compress=0', '--no-password', ...dumpArguments(source, selection)];
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

/** Asked for once more, because tables may have come since the inspection. */
function selectionOf(
  source: SourceOf<'postgres'>,
  connection: Connection,
  context: EngineContext,
): Promise<Selection> {
  return withSession({ connection, context, otherwise: 'DUMP_FAILED' }, (session) =>
    readSelection(session, source),
  );
}
