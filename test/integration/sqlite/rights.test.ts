import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createSqliteEngine } from '../../../src/pipeline/engine/sqlite/engine.ts';
import { databaseOf } from '../../support/engine-run.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import { createSqliteSample, onSqlite, sqliteSource } from '../../support/sqlite-sample.ts';

const nobody = 65_534;

describe('a user who may not read a database of SQLite', () => {
  it('is told so where the file itself is closed to him', () =>
    withFile(async (path) => {
      await chmod(path, 0o000);
      await assert.rejects(inspect(path), {
        code: 'DATABASE_PERMISSION',
        message: /may not be read by this user/,
      });
    }));

  it('is told so where SQLite must write beside the file to read it, and reads it where it need not', () =>
    withFile(async (path, folder) => {
      await chmod(folder, 0o555);
      await assert.rejects(inspect(path), {
        code: 'DATABASE_PERMISSION',
        message: /may not read it as SQLite must/,
      });
      await chmod(folder, 0o755);
      onSqlite(path, (database) => database.exec('PRAGMA journal_mode = DELETE'));
      await chmod(folder, 0o555);
      assert.equal((await inspect(path)).engine.name, 'sqlite');
    }));
});

/** A sample in WAL mode, in a folder that everybody can enter. */
async function withFile(use: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp('/tmp/backupdata-rights-');
  try {
    await chmod(folder, 0o755);
    createSqliteSample(join(folder, 'app.db'));
    await use(join(folder, 'app.db'), folder);
  } finally {
    await chmod(folder, 0o755);
    await rm(folder, { recursive: true });
  }
}

/** As a user whom rights bind. */
async function inspect(path: string) {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody);
  try {
    return await createSqliteEngine().inspect(databaseOf(sqliteSource(path)), engineContext());
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
