import { stat } from 'node:fs/promises';
import { StageFailure, succeeded } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { sqliteFailure } from './failures.ts';
import { runSql } from './shell.ts';

/** `quick_check` reads every page; `integrity_check` compares indexes with their tables as well, and takes longer. */
export type Depth = 'quick_check' | 'integrity_check';

/** SQLITE_CORRUPT and SQLITE_NOTADB, which are also how sqlite3 ends then. */
const damaged: readonly (number | null)[] = [11, 26];

/** Throws StageFailure when a file that nobody writes to is no whole and sound database; a typed error where that could not be told. */
export async function checkDatabase(
  { path, depth }: { path: string; depth: Depth },
  context: EngineContext,
): Promise<void> {
  const sql = `PRAGMA ${depth}(10); PRAGMA page_count; PRAGMA page_size`;
  const { stdout, ...exit } = await runSql({ path, sql }, context);
  if (damaged.includes(exit.code) || exit.signal !== null) throw new StageFailure([exit]);
  if (!succeeded(exit)) throw sqliteFailure(exit, path, 'RESTORE_FAILED');
  const lines = stdout.toString('utf8').split('\n').slice(0, -1);
  const findings = lines.slice(0, -2);
  const [pages = 0, pageSize = 0] = lines.slice(-2).map(Number);
  const { size } = await stat(path);
  const complaint = complaintOf(findings) ?? sizeComplaint({ expected: pages * pageSize, size });
  if (complaint !== undefined) throw new StageFailure([{ ...exit, code: 1, stderr: complaint }]);
}

function complaintOf(findings: readonly string[]): string | undefined {
  return findings.length === 1 && findings[0] === 'ok' ? undefined : findings.join('\n') || 'it said nothing';
}

/** A file that lost its end, or got another, can still be read as far as its rows go. */
function sizeComplaint({ expected, size }: { expected: number; size: number }): string | undefined {
  if (size === expected && size > 0) return undefined;
  return `the file has ${size} bytes, and its pages ${expected}`;
}
