import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const program = `
  import { DatabaseSync } from 'node:sqlite';
  const database = new DatabaseSync(process.argv[1]);
  database.exec(process.argv[2]);
  process.stdout.write('done');
  setInterval(() => database, 1_000);
`;

/** Runs SQL in another process, which then keeps the file open for the time of `use` and is killed with all that it has not finished. */
export async function whileOpen<T>(path: string, sql: string, use: () => Promise<T>): Promise<T> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, path, sql], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [said] = await once(child.stdout, 'data');
    if (String(said) !== 'done') throw new Error(`the other process said ${String(said)}`);
    return await use();
  } finally {
    await kill(child);
  }
}

/** What a process leaves that is killed in the middle of a transaction which is partly in the file already. */
export function dieWriting(path: string, mode: 'DELETE' | 'WAL'): Promise<void> {
  const sql = `PRAGMA journal_mode = ${mode}; PRAGMA cache_size = 2; CREATE TABLE IF NOT EXISTS dead (content);
    INSERT INTO dead VALUES ('committed');
    BEGIN; WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
    INSERT INTO dead SELECT randomblob(100) FROM c;`;
  return whileOpen(path, sql, async () => undefined);
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}
