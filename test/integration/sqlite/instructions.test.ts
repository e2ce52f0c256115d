import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { filesBelow, withFolder } from '../../support/folder.ts';
import { contentOf, createSample, sqliteSource } from '../../support/sqlite-sample.ts';
import { commandsOf, openStockShell } from '../../support/stock-shell.ts';

it('RESTORE.md of SQLite, followed to the letter with stock tools alone, makes an equal database', () =>
  withEngineRun((run) =>
    withFolder(async (path) => {
      const source = join(path, 'source.db');
      createSample(source);
      await run.backUp(sqliteSource(source));
      const folder = join(path, 'downloaded');
      await mkdir(folder);
      for (const file of (await filesBelow(run.path)).filter((each) => each.includes('/data/')))
        await copyFile(join(run.path, file), join(folder, basename(file)));
      const programs = ['zstd', 'sqlite3', 'head'];
      const shell = await openStockShell({ folder, bin: join(path, 'bin'), programs });
      const [show = '', ...restore] = await commandsOf(folder);
      assert.equal((await shell.run(show)).stdout, 'SQLite format 3');
      for (const command of restore) {
        const ended = await shell.run(command);
        assert.equal(ended.code, 0, `${command}\n${ended.stdout}\n${ended.stderr}`);
        if (command.includes('integrity_check')) assert.equal(ended.stdout, 'ok\n');
      }
      assert.deepEqual(contentOf(join(folder, 'restored.db')), contentOf(source));
    }),
  ));
