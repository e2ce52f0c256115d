import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Source } from '../../src/shared/config/schema.ts';
import { contentOf, createSample, pathIn, sqliteSource, withDatabase } from '../support/sqlite-sample.ts';
import type { Refusal, Target, Writers } from './engine/subject.ts';
import { engineSuite } from './engine-suite.ts';

engineSuite({
  name: 'sqlite',
  withSubject: async (use) => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'sqlite-subject-')));
    let made = 0;
    const fresh = (): string => {
      made += 1;
      return join(folder, `it's #${made} 100%?;.db`);
    };
    try {
      await use({
        createSource: async () => {
          const path = fresh();
          createSample(path);
          return sqliteSource(path);
        },
        createTarget: async () => createTarget(fresh()),
        describe: async (source) => contentOf(pathIn(source)),
        writers,
        refusals: refusalsOf(folder),
        // There is no server: a reader of a file is lost only with this process.
        createInterruptible: null,
        checksItself: true,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

function createTarget(path: string): Target {
  return {
    target: { source: null, database: path },
    options: { create: true },
    source: sqliteSource(path),
    confirm: path.slice(path.lastIndexOf('/') + 1),
  };
}

/** Processes of their own, because locks of SQLite are between processes. */
const writers: Writers = {
  prepare: async (source) =>
    withDatabase(pathIn(source), (database) => {
      database.exec('PRAGMA journal_mode = wal');
      for (const table of ['debit', 'credit'])
        database.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL);
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
          INSERT INTO ${table} SELECT i, 1000 FROM n`);
    }),
  start: async (source) => {
    let transactions = 0;
    const processes = [1, 2].map((id) =>
      spawn(process.execPath, ['-e', writerProgram, pathIn(source), String(id)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    for (const { stdout } of processes)
      createInterface({ input: stdout }).on('line', () => {
        transactions += 1;
      });
    return {
      transactions: () => transactions,
      stop: async () => {
        const ends = processes.map((each) => once(each, 'close'));
        for (const { stdin } of processes) stdin.end();
        for (const [code] of await Promise.all(ends))
          if (code !== 0) throw new Error(`a writer ended with code ${code}`);
      },
    };
  },
  sum: async (source) =>
    withDatabase(pathIn(source), (database) =>
      Number(
        database
          .prepare('SELECT (SELECT sum(amount) FROM debit) + (SELECT sum(amount) FROM credit) AS sum')
          .get()?.sum,
      ),
    ),
};

/** A line for each transaction, until its input ends. */
const writerProgram = `
const { DatabaseSync } = require('node:sqlite');
const [path, id] = process.argv.slice(1);
const database = new DatabaseSync(path, { timeout: 20000 });
let stopped = false;
process.stdin.on('end', () => { stopped = true; }).resume();
const work = () => {
  if (stopped) return database.close();
  database.exec('BEGIN IMMEDIATE; UPDATE debit SET amount = amount - ' + id + ' WHERE id = ' + id +
    '; UPDATE credit SET amount = amount + ' + id + ' WHERE id = ' + id + '; COMMIT');
  process.stdout.write('.\\n', () => setImmediate(work));
};
work();
`;

function refusalsOf(folder: string): Refusal[] {
  const file = async (name: string, content: Buffer | string): Promise<Source> => {
    const path = join(folder, name);
    await writeFile(path, content);
    return sqliteSource(path);
  };
  return [
    {
      what: 'a file that is not there',
      source: async () => sqliteSource(join(folder, 'nothing.db')),
      code: 'DATABASE_MISSING',
      message: /there is no file .*nothing\.db/,
    },
    {
      what: 'a folder',
      source: async () => sqliteSource(folder),
      code: 'CONFIG_INVALID',
      message: /no regular file/,
    },
    {
      what: 'an empty file',
      source: () => file('empty.db', ''),
      code: 'CONFIG_INVALID',
      message: /is empty/,
    },
    {
      what: 'another file, or one that is encrypted',
      source: () => file('other.db', Buffer.alloc(8_192, 7)),
      code: 'CONFIG_INVALID',
      message: /does not begin as a database/,
    },
    {
      what: 'a database that is damaged',
      source: async () => {
        const path = join(folder, 'damaged.db');
        createSample(path);
        withDatabase(path, (database) => database.exec('VACUUM'));
        const { open } = await import('node:fs/promises');
        await using handle = await open(path, 'r+');
        const { size } = await handle.stat();
        await handle.write(Buffer.alloc(Math.floor(size / 2), 0xa5), 0, Math.floor(size / 2), 4_096);
        await chmod(path, 0o600);
        return sqliteSource(path);
      },
      code: 'DUMP_FAILED',
      message: /damaged\.db: .*(malformed|Page 2)/,
    },
  ];
}
