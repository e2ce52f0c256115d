import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { filesBelow, withFolder } from '../../support/folder.ts';
import { contentOf, createSqliteSample, sqliteSource } from '../../support/sqlite-sample.ts';
import { commandsOf, openStockShell } from '../../support/stock-shell.ts';

const programs = ['zstd', 'sqlite3', 'head'];

describe('RESTORE.md of SQLite, followed to the letter with stock tools alone', () => {
  it('shows the backup, makes a database that holds everything, and stops at a flipped byte', () =>
    withEngineRun((run) =>
      withFolder(async (folder) => {
        const path = join(folder, 'app.db');
        createSqliteSample(path);
        const verify = { level: 'decode' as const, counts: 'exact' as const, assertions: [] };
        await run.backUp(sqliteSource(path), { verify });
        const downloaded = join(folder, 'downloaded');
        await mkdir(downloaded);
        for (const file of (await filesBelow(run.path)).filter((each) => each.includes('/data/')))
          await copyFile(join(run.path, file), join(downloaded, basename(file)));
        const shell = await openStockShell({ folder: downloaded, bin: join(folder, 'bin'), programs });
        const [show = '', ...restore] = await commandsOf(shell.folder);
        const shown = await shell.run(show);
        assert.equal(shown.stdout, 'SQLite format 3', shown.stderr);
        const said = [];
        for (const command of restore) {
          const ended = await shell.run(command);
          assert.equal(ended.code, 0, `${command}\n${ended.stdout}\n${ended.stderr}`);
          said.push(ended.stdout);
        }
        assert.match(said.join(''), /ok\n[\s\S]*"customers": 3/);
        assert.deepEqual(contentOf(join(shell.folder, 'restored.db')), contentOf(path));
        await flipByteIn(join(shell.folder, 'data.db.zst'));
        const damaged = await shell.run(show);
        assert.notEqual(damaged.code, 0);
        assert.doesNotMatch(damaged.stdout, /SQLite/);
      }),
    ));
});

async function flipByteIn(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  await writeFile(path, bytes);
}
