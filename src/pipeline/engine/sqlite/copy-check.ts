import { stat } from 'node:fs/promises';
import { StageFailure } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { readHeader } from './header.ts';
import { runSql } from './run-sql.ts';
import { needProgram } from './tools.ts';

/**
 * Looks whether a file that nobody else uses is a whole database: as long as its header says, and good by quick_check.
 * Throws StageFailure, as of the program, when it is not. An empty file would pass for a database without tables.
 */
export async function checkCopy(path: string, context: EngineContext): Promise<void> {
  const header = await readHeader(path);
  if (!header) throw await refusal('it does not begin as a database of SQLite', context);
  const { size } = await stat(path);
  const expected = header.pages * header.pageSize;
  if (size !== expected) throw await refusal(`it has ${size} bytes instead of ${expected}`, context);
  const found = await runSql<Record<string, string>>(
    { path, statements: ['PRAGMA quick_check(3)'] },
    context,
  );
  const words = found.flatMap((row) => Object.values(row));
  if (words.length === 1 && words[0] === 'ok') return;
  throw await refusal(`quick_check says: ${words.join(' | ').slice(0, 500)}`, context);
}

async function refusal(stderr: string, context: EngineContext): Promise<StageFailure> {
  const program = await needProgram(context);
  return new StageFailure([{ program, code: 1, signal: null, stderr, stopped: false }]);
}
