import { join } from 'node:path';
import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import { StageFailure } from '../../process/failure.ts';
import type { DumpPlan, EngineContext, Inspection, PreparedPart } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { fileReader } from '../system-programs.ts';
import { withClient } from './client.ts';
import { addressOf, type Connection, parseConnection } from './connection.ts';
import { checkRdb, signature } from './rdb-file.ts';
import { transfer } from './transfer.ts';

export const dataPart = 'data.rdb';

/** The whole server as an RDB, in a file first: redis-cli may end well with half of one, and only a whole file can be checked. */
export async function plan(
  database: DatabaseConfig,
  inspection: Inspection,
  context: EngineContext,
): Promise<DumpPlan> {
  const connection = parseConnection(sourceFor(database, ['redis']).url);
  const read = await fileReader(context);
  const folder = await openTemporaryFolder({ bytes: inspection.estimatedSourceBytes, now: new Date() });
  const path = join(folder.path, dataPart);
  const prepare = async (signal: AbortSignal): Promise<PreparedPart> => {
    const preparing = { ...context, signal };
    await withClient(connection, preparing, (client) => transfer(client, path, preparing));
    return {
      stage: read(path),
      prove: (stopped) => requireWhole({ path, connection }, { ...context, signal: stopped }),
    };
  };
  return {
    parts: [{ name: dataPart, kind: 'data', source: prepare, signature }],
    close: folder.remove,
  };
}

async function requireWhole(
  { path, connection }: { path: string; connection: Connection },
  context: EngineContext,
): Promise<void> {
  const { after } = await checkRdb(path, context).catch((error: unknown) => {
    throw error instanceof StageFailure ? notWhole(connection, error.message, error) : error;
  });
  if (after > 0) throw notWhole(connection, `${after} bytes follow its end`);
}

function notWhole(connection: Connection, reason: string, cause?: Error): BackupDataError {
  return new BackupDataError(
    'DUMP_FAILED',
    `redis-cli ended well, but what it wrote is not a whole RDB of ${addressOf(connection)}: ${reason}`,
    { hint: "Look into the server's log; the run is tried again.", cause },
  );
}
