import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import type { DumpPlan, EngineContext, Inspection } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { clientStage } from './client-options.ts';
import { parseSource } from './connection.ts';
import { neededBy } from './inspect.ts';
import type { ClientTools, ClientToolsFinder } from './tools.ts';
import { trailer } from './trailer.ts';
import { compareVersions, flavourOf } from './version.ts';

export const dataPart = 'data.sql';

/** The database as SQL, at one moment of the tables that know transactions. */
export async function plan(
  { database, inspection }: { database: DatabaseConfig; inspection: Inspection },
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<DumpPlan> {
  const connection = parseSource(sourceFor(database, ['mysql', 'mariadb']).url);
  const version = inspection.engine.serverVersion;
  const tools = await finder.choose(neededBy({ flavour: flavourOf(version), version }), context);
  const args = [...dumpArguments(tools), '--', connection.database];
  return {
    parts: [
      {
        name: dataPart,
        kind: 'data',
        source: clientStage({ program: tools.dump, args }, { connection, tools }, context),
        signature: 'any',
        trailer,
      },
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
    // A restore that holds locks could not fill a table whose default values come from a sequence.
    '--skip-add-locks',
    ...(flavour === 'mysql' ? ['--set-gtid-purged=OFF'] : []),
    ...(flavour === 'mysql' && compareVersions(version, '8.0') >= 0 ? ['--column-statistics=0'] : []),
  ];
}
