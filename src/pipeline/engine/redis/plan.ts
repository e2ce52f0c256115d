import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { Captured } from '../../process/capture.ts';
import { StageFailure } from '../../process/failure.ts';
import { type CheckedFile, openGrowingFile, seal } from '../../process/growing-file.ts';
import type { DumpPlan, EngineContext, Inspection, PreparedPart } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { withClient } from './client.ts';
import { addressOf, type Connection, parseConnection } from './connection.ts';
import { type CheckedRdb, judgeRdb, rdbChecker, signature } from './rdb-file.ts';
import { transfer } from './transfer.ts';

export const dataPart = 'data.rdb';

/**
 * The whole server as an RDB, by way of a file: redis-cli does not wait for a slow storage, or the server would end the dump. The
 * file is stored and checked while it is written: redis-cli may end well with half of one.
 */
export async function plan(
  database: DatabaseConfig,
  inspection: Inspection,
  context: EngineContext,
): Promise<DumpPlan> {
  const connection = parseConnection(sourceFor(database, ['redis']).url);
  const { tools } = context;
  const checker = await rdbChecker(context);
  const folder = await openTemporaryFolder({ bytes: inspection.estimatedSourceBytes, now: new Date() });
  const path = join(folder.path, dataPart);
  const file = await openGrowingFile({ path, heldBack: markBytes, checker, tools }).catch(
    async (error: unknown) => {
      await folder.remove();
      throw error;
    },
  );
  const prepare = async (): Promise<PreparedPart> => {
    await writeFile(path, '', { mode: 0o600, flag: 'wx' });
    return {
      stage: file.stage,
      meanwhile: async (signal) => {
        const own = { ...context, signal };
        await withClient(connection, own, (client) => transfer(client, path, own));
        await seal(path);
      },
      finish: async () => requireWhole(connection, file.checked()),
    };
  };
  return {
    parts: [{ name: dataPart, kind: 'data', source: prepare, signature }],
    close: async () => {
      file.close();
      await folder.remove();
    },
  };
}

/** Of a server that sends its dump without a file of its own; redis-cli takes the mark of its end away again. */
const markBytes = 40;

function requireWhole(connection: Connection, { bytes, said, ...exit }: CheckedFile): void {
  const { end } = judge(connection, { ...exit, stdout: said, stderr: '', stopped: false });
  if (bytes > end) throw notWhole(connection, `${bytes - end} bytes follow its end`);
}

function judge(connection: Connection, exit: Omit<Captured, 'program'>): CheckedRdb {
  try {
    return judgeRdb({ ...exit, program: 'redis-check-rdb' });
  } catch (error) {
    throw error instanceof StageFailure ? notWhole(connection, error.message, error) : error;
  }
}

function notWhole(connection: Connection, reason: string, cause?: Error): BackupDataError {
  return new BackupDataError(
    'DUMP_FAILED',
    `redis-cli ended well, but what it wrote is not a whole RDB of ${addressOf(connection)}: ${reason}`,
    { hint: "Look into the server's log; the run is tried again.", cause },
  );
}
