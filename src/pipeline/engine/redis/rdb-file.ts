import { BackupDataError } from '../../../shared/errors.ts';
import { type Captured, capture } from '../../process/capture.ts';
import { StageFailure, succeeded } from '../../process/failure.ts';
import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';
import { needProgram } from './tools.ts';

/** How every RDB begins; four digits of its version follow. */
export const signature = Buffer.from('REDIS');

/** A server does not start from an RDB with a database beyond those that it is told to have, by default 16. These cost it 10 MB. */
export const enoughDatabases = '10000';

export interface CheckedRdb {
  /** How many keys it holds, those whose life has ended included. */
  keys: number;
  /** How many databases a server must have to start from it. */
  databases: number;
  /** Where it ends, in bytes from the beginning of the file. */
  end: number;
}

/**
 * Reads a file to the end of the RDB in it, as a server would, its checksum included. Throws StageFailure when it is not
 * a whole RDB, and TOOL_TOO_OLD when redis-check-rdb does not know its version.
 */
export async function checkRdb(path: string, context: EngineContext): Promise<CheckedRdb> {
  const { signal } = context;
  return judgeRdb(await capture(await rdbChecker(context, path), { signal, maxBytes: 64 << 20 }));
}

/** A program that reads the RDB in a file, or on stdin; `judgeRdb` knows what it says. TOOL_MISSING. */
export async function rdbChecker(context: EngineContext, path = '/dev/stdin'): Promise<Stage> {
  return { program: await needProgram('check-rdb', context), args: [path], env: plainEnvironment(context) };
}

/** What it found, of how the checker ended and what it wrote. Throws as `checkRdb`. */
export function judgeRdb({ stdout, ...exit }: Captured): CheckedRdb {
  const said = stdout.toString('utf8');
  const end = /^\[offset (\d+)\] .*RDB looks OK/m.exec(said)?.[1];
  const keys = /^\[info\] (\d+) keys read/m.exec(said)?.[1];
  if (succeeded(exit) && end !== undefined && keys !== undefined)
    return { keys: Number(keys), databases: databasesIn(said), end: Number(end) };
  const complaint = complaintIn(said);
  if (/can't handle RDB format version/i.test(complaint)) throw tooOld(complaint);
  // It complains on stdout; one that ended well without saying that all is well has refused the file too.
  const code = succeeded(exit) ? 1 : exit.code;
  throw new StageFailure([{ ...exit, code, stderr: complaint || exit.stderr }]);
}

function databasesIn(said: string): number {
  const numbers = Array.from(said.matchAll(/^\[offset \d+\] Selecting DB ID (\d+)/gm), ([, id]) =>
    Number(id),
  );
  return Math.max(0, ...numbers.map((number) => number + 1));
}

function complaintIn(said: string): string {
  const lines = said.split('\n');
  const at = lines.findIndex((line) => line.includes('RDB ERROR DETECTED'));
  return (at < 0 ? lines.slice(-3) : lines.slice(at + 1, at + 2)).join('\n').trim();
}

function tooOld(complaint: string): BackupDataError {
  return new BackupDataError('TOOL_TOO_OLD', `redis-check-rdb cannot read this RDB: ${complaint}`, {
    hint: "Install the programs of the server's own version or newer here, or add their folder to tools.path.",
  });
}
