import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import { StageFailure } from '../../process/failure.ts';
import type { DumpPlan, EngineContext, Inspection, PreparedPart } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { clientStage } from './client-options.ts';
import { parseSource } from './connection.ts';
import { clientFailure } from './failures.ts';
import { dumpGlobals } from './globals.ts';
import { neededBy } from './inspect.ts';
import { proveDefinitions } from './prove-definitions.ts';
import { selectionArguments, selectTables } from './selection.ts';
import { openSession } from './session.ts';
import type { ClientTools, ClientToolsFinder } from './tools.ts';
import { trailer } from './trailer.ts';
import { compareVersions } from './version.ts';

export const dataPart = 'data.sql';
export const globalsPart = 'globals.sql';

/** The database as SQL, at one moment of the tables that know transactions. */
export async function plan(
  { database, inspection }: { database: DatabaseConfig; inspection: Inspection },
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<DumpPlan> {
  const written = sourceFor(database, ['mysql', 'mariadb']);
  const connection = parseSource(written.url);
  const session = await openSession({ connection, context, finder, otherwise: 'DUMP_FAILED' });
  const tools = await finder.choose(neededBy(session.server), context);
  const selection = await selectTables(session, written);
  const name = inspection.source.database;
  const args = [
    ...dumpArguments(tools),
    ...selectionArguments({ database: name, flavour: tools.flavour }, written, selection),
  ];
  const stageFor = (more: readonly string[]) =>
    clientStage(
      { program: tools.dump, args: [...args, ...more, '--', name] },
      { connection, tools },
      context,
    );
  // Beside the dump: the two look at the same server, and neither needs all of the machine.
  const prove = async (signal: AbortSignal): Promise<void> => {
    const [own, stage] = [session.under(signal), stageFor(['--no-data', '--no-create-info'])];
    try {
      await proveDefinitions({ session: own, stage, left: selection.left }, { ...context, signal });
    } catch (error) {
      if (!(error instanceof StageFailure)) throw error;
      // A dump program may end without a word when its connection is lost: then this says so.
      await own.lines('DO 0;');
      throw clientFailure(error, connection, 'DUMP_FAILED');
    }
  };
  const source = async (): Promise<PreparedPart> => ({ stage: stageFor([]), meanwhile: prove, flows: true });
  const globals = (signal: AbortSignal): Promise<PreparedPart> =>
    dumpGlobals(session.under(signal), { database: name, definers: inspection.restore.roles });
  return {
    parts: [
      { name: dataPart, kind: 'data', source, signature: 'any', trailer },
      { name: globalsPart, kind: 'globals', source: globals },
    ],
    close: async () => undefined,
  };
}

/** Both products' programs leave routines and events out unless they are told, and each knows options that fail in the other. */
export function dumpArguments({
  flavour,
  version,
}: Pick<ClientTools, 'flavour' | 'version'>): readonly string[] {
  return [
    ...['--single-transaction', '--quick', '--routines', '--events', '--triggers', '--hex-blob'],
    ...['--default-character-set=utf8mb4', '--no-tablespaces', '--tz-utc', '--comments'],
    // Else a large row ends the dump, and it would seem that the connection was lost.
    '--max-allowed-packet=1G',
    // A restore that holds locks could not fill a table whose default values come from a sequence.
    '--skip-add-locks',
    ...(flavour === 'mysql' ? ['--set-gtid-purged=OFF'] : []),
    ...(flavour === 'mysql' && compareVersions(version, '8.0') >= 0 ? ['--column-statistics=0'] : []),
  ];
}
