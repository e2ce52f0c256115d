import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, open, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Source } from '../../src/shared/config/schema.ts';
import { withFolder } from '../support/folder.ts';
import { contentOf, createSqliteSample, onSqlite, sqliteSource } from '../support/sqlite-sample.ts';
import { prepareTransfers, startTransfers, sumOfTransfers } from '../support/sqlite-writers.ts';
import type { Refusal, Writers } from './engine/subject.ts';
import { engineSuite } from './engine-suite.ts';

engineSuite({
  name: 'sqlite',
  withSubject: (use) =>
    withFolder(async (folder) => {
      let made = 0;
      // Nothing in a name may be read as more than a name.
      const newPath = (): string => {
        made += 1;
        return join(folder, `-a b'c"d?mode=ro#%41 ü ${made}.db`);
      };
      await use({
        createSource: async () => {
          const path = newPath();
          createSqliteSample(path);
          return sqliteSource(path);
        },
        createTarget: async () => {
          const path = newPath();
          return {
            target: { source: null, database: path },
            options: { create: true },
            source: sqliteSource(path),
            confirm: path.slice(folder.length + 1),
          };
        },
        describe: async (source) => contentOf(pathIn(source)),
        writers,
        refusals: refusalsIn(folder),
        // There is no server: what happens to the program is in the tests of faults.
        createInterruptible: null,
        checksItself: true,
      });
    }),
});

const writers: Writers = {
  prepare: async (source) => prepareTransfers(pathIn(source)),
  start: (source) => startTransfers(pathIn(source)),
  sum: async (source) => sumOfTransfers(pathIn(source)),
};

function refusalsIn(folder: string): Refusal[] {
  const at = (name: string): string => join(folder, name);
  const file = async (name: string, content: Uint8Array | string): Promise<Source> => {
    await writeFile(at(name), content);
    return sqliteSource(at(name));
  };
  return [
    {
      what: 'a file that is not there',
      source: async () => sqliteSource(at('missing.db')),
      code: 'DATABASE_MISSING',
      message: /there is no file .*missing\.db/,
    },
    {
      what: 'a folder',
      source: async () => {
        await mkdir(at('folder.db'));
        return sqliteSource(at('folder.db'));
      },
      code: 'CONFIG_INVALID',
      message: /is not a file/,
    },
    {
      what: 'an empty file',
      source: () => file('empty.db', ''),
      code: 'CONFIG_INVALID',
      message: /is empty/,
    },
    {
      what: 'a file of another kind',
      source: () => file('text.db', 'SQLite format 2, or something'.repeat(1_000)),
      code: 'CONFIG_INVALID',
      message: /not a database of SQLite/,
    },
    {
      what: 'what an encrypted database looks like',
      source: () => file('encrypted.db', randomBytes(16_384)),
      code: 'CONFIG_INVALID',
      message: /not a database of SQLite/,
    },
    {
      what: 'a database that lost its end',
      source: async () => {
        const path = at('cut.db');
        createSqliteSample(path);
        const { size } = await stat(path);
        await using handle = await open(path, 'r+');
        await handle.truncate(Math.floor(size / 2));
        return sqliteSource(path);
      },
      code: 'DUMP_FAILED',
      message: /damaged/,
    },
    {
      what: 'a database with a page that was overwritten',
      source: async () => {
        const path = at('overwritten.db');
        createSqliteSample(path);
        const page = onSqlite(path, (database) =>
          Number(database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'files'").get()?.rootpage),
        );
        await using handle = await open(path, 'r+');
        await handle.write(randomBytes(8_192), 0, 8_192, (page - 1) * 8_192);
        return sqliteSource(path);
      },
      code: 'DUMP_FAILED',
      message: /damaged|not sound/,
    },
  ];
}

function pathIn(source: Source): string {
  assert.ok(source.engine === 'sqlite');
  return source.path;
}
