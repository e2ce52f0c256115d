import { BackupDataError } from '../../../shared/errors.ts';
import { type Captured, capture } from '../../process/capture.ts';
import { StageFailure } from '../../process/failure.ts';
import type { EngineContext, PreparedPart } from '../engine.ts';
import { addressOf, type Connection } from './connection.ts';
import { databaseArgument, type ToolEnvironment } from './environment.ts';
import { explainTool } from './explain.ts';
import type { ClientTools } from './tools.ts';

const maxBytes = 64 * 1024 * 1024;
const trailer = '-- PostgreSQL database cluster dump complete';
const trailerWithin = 4096;

/**
 * The server's roles and tablespaces as SQL, without passwords. A user that may not see them still has a backup, whose
 * manifest says so; any other failure is thrown.
 */
export async function dumpGlobals(
  { tools, connection, env }: { tools: ClientTools; connection: Connection; env: ToolEnvironment },
  context: EngineContext,
): Promise<PreparedPart> {
  const args = [
    '--globals-only',
    '--no-role-passwords',
    '--no-password',
    `--database=${databaseArgument(connection.database)}`,
  ];
  const ended = await capture({ program: tools.pgDumpall, args, env }, { signal: context.signal, maxBytes });
  if (ended.code === 0 && isComplete(ended.stdout)) return { bytes: ended.stdout };
  if (isRefusal(ended)) return { missing: `globals are not in this backup: ${firstLine(ended.stderr)}` };
  throw explainTool(new StageFailure([ended]), addressOf(connection)) ?? failed(ended, connection);
}

/** Newer releases write one more line behind it. */
function isComplete(sql: Buffer): boolean {
  return sql.subarray(-trailerWithin).includes(trailer);
}

function isRefusal({ code, stderr }: Captured): boolean {
  return code !== null && code !== 0 && /permission denied|must be superuser/i.test(stderr);
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1).join('');
}

function failed(ended: Captured, connection: Connection): BackupDataError {
  const why = ended.code === 0 ? 'its output ends before its last line' : new StageFailure([ended]).message;
  return new BackupDataError(
    'DUMP_FAILED',
    `the dump of the globals of ${addressOf(connection)} failed: ${why}`,
    {
      hint: 'Run `backupdata check` to see whether the server and its tools are in order.',
    },
  );
}
