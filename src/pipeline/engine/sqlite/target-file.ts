import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupDataError } from '../../../shared/errors.ts';
import { guardedFile } from '../../file/failure.ts';
import { sizeIfThere } from '../../file/size.ts';
import { StageFailure } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { explainTool } from './explain.ts';
import { readHeader } from './header.ts';
import { runSql } from './run-sql.ts';

/** What SQLite keeps beside a database, and applies to whatever bears its name next. */
const suffixes = ['-wal', '-shm', '-journal'] as const;

/**
 * Makes an existing target one file: takes a dead writer's changes back and moves the write-ahead log into it, so that it is
 * whole at every moment until another takes its name. Refuses one that another process reads or writes with
 * DATABASE_UNREACHABLE. One that is no database, or damaged, is left alone: it is what the restore is for.
 */
export async function settle(path: string, context: EngineContext): Promise<void> {
  if (!(await isDatabase(path))) return;
  try {
    await runSql(
      {
        path,
        write: true,
        statements: ['BEGIN EXCLUSIVE', 'COMMIT', 'PRAGMA wal_checkpoint(TRUNCATE)'],
      },
      context,
    );
  } catch (error) {
    if (!(error instanceof StageFailure)) throw error;
    if (isDamaged(error)) return;
    throw inUse(path, explainTool(error, path)?.message ?? error.message, error);
  }
  // The last process that closes a database removes its log.
  if (await exists(`${path}-wal`)) throw inUse(path, 'another process has it open');
}

async function isDatabase(path: string): Promise<boolean> {
  return (await exists(path)) && (await guardedFile(path, () => readHeader(path))) !== null;
}

/** Moves what is left beside the target away: to the kept file, which it belongs to, or into the folder that will be removed. */
export async function setAside({
  path,
  keepAs,
  folder,
}: {
  path: string;
  keepAs: string | undefined;
  /** A file in the folder that is removed in the end. */
  folder: string;
}): Promise<{ takeBack(): Promise<void> }> {
  const moved: { from: string; to: string }[] = [];
  const takeBack = async (): Promise<void> => {
    for (const { from, to } of moved.reverse()) await rename(to, from).catch(() => undefined);
  };
  try {
    for (const suffix of suffixes) {
      const from = `${path}${suffix}`;
      const to = keepAs === undefined ? `${folder}${suffix}` : join(dirname(path), `${keepAs}${suffix}`);
      if (!(await exists(from))) continue;
      await guardedFile(from, () => rename(from, to));
      moved.push({ from, to });
    }
  } catch (error) {
    await takeBack();
    throw error;
  }
  return { takeBack };
}

async function exists(path: string): Promise<boolean> {
  return (await sizeIfThere(path)) !== undefined;
}

function isDamaged({ message }: StageFailure): boolean {
  return /malformed|not a database|disk I\/O error|unsupported file format/i.test(message);
}

function inUse(path: string, reason: string, cause?: Error): BackupDataError {
  return new BackupDataError('DATABASE_UNREACHABLE', `${path} is in use and is not replaced: ${reason}`, {
    hint: 'Stop what uses it, or restore to another file.',
    cause,
  });
}
