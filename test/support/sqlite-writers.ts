import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onSqlite } from './sqlite-sample.ts';

/** Moves amounts between two tables, and writes a dot for each transaction, until it is killed. */
const program = `
  import { DatabaseSync } from 'node:sqlite';
  const database = new DatabaseSync(process.argv[1], { timeout: 20_000 });
  for (let amount = 1; ; amount = (amount % 5) + 1) {
    database.exec(\`BEGIN IMMEDIATE;
      UPDATE debit SET cents = cents - \${amount} WHERE id = \${amount};
      UPDATE credit SET cents = cents + \${amount} WHERE id = \${amount};
      COMMIT\`);
    process.stdout.write('.');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
`;

/** Two tables, and enough pages between them that a copy takes a while. */
export function prepareTransfers(path: string): void {
  onSqlite(path, (database) =>
    database.exec(`
      CREATE TABLE debit (id INTEGER PRIMARY KEY, cents INTEGER);
      CREATE TABLE bulk (content BLOB);
      CREATE TABLE credit (id INTEGER PRIMARY KEY, cents INTEGER);
      WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5)
        INSERT INTO debit SELECT i, 100000 FROM c;
      INSERT INTO credit SELECT id, 0 FROM debit;
      WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 30000)
        INSERT INTO bulk SELECT randomblob(1000) FROM c;`),
  );
}

export function sumOfTransfers(path: string): number {
  return onSqlite(path, (database) =>
    Number(
      database.prepare('SELECT (SELECT sum(cents) FROM debit) + (SELECT sum(cents) FROM credit) AS sum').get()
        ?.sum,
    ),
  );
}

/** Two processes of their own, each of which must be writing before this resolves. */
export async function startTransfers(
  path: string,
): Promise<{ transactions(): number; stop(): Promise<void> }> {
  let transactions = 0;
  const children = [1, 2].map(() => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.on('data', (dots: Buffer) => {
      transactions += dots.length;
    });
    return child;
  });
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  return { transactions: () => transactions, stop: () => stopAll(children) };
}

async function stopAll(children: readonly ChildProcess[]): Promise<void> {
  const lost = children.filter(({ exitCode }) => exitCode !== null);
  await Promise.all(
    children
      .filter((child) => !lost.includes(child))
      .map((child) => {
        child.kill('SIGKILL');
        return once(child, 'close');
      }),
  );
  if (lost.length > 0) throw new Error('a writer ended by itself');
}
