import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { statements } from '../../test/support/mariadb-client.ts';
import { createSeeded } from '../../test/support/seeded.ts';

const run = promisify(execFile);

/** Bytes that a row takes in the file and in the SQL, and that a key takes in the RDB. */
const bytesPerRow = 330;
const bytesPerTuple = 310;
const bytesPerKey = 1_000;
const proseInKey = 740;
const keysAtOnce = 2_000;

/** Makes a SQLite file of about so many bytes, which compress as prose does; how many it has. */
export async function makeSqliteFile(request: {
  path: string;
  bytes: number;
  signal: AbortSignal;
}): Promise<number> {
  const { path, bytes, signal } = request;
  const words = prose(4_000);
  const piece = `substr('${words}', 1 + abs(random()) % 3900, 90)`;
  const sql = `PRAGMA synchronous = OFF; CREATE TABLE orders (id INTEGER PRIMARY KEY, amount REAL, note TEXT);
    WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids LIMIT ${Math.ceil(bytes / bytesPerRow)})
    INSERT INTO orders SELECT id, abs(random()) % 90000 / 100.0, ${piece} || hex(randomblob(8)) || ${piece} || ${piece} FROM ids;
    CREATE INDEX by_amount ON orders (amount);`;
  await run('sqlite3', ['-bail', path, sql], { signal });
  return (await stat(path)).size;
}

/** Fills an empty Redis so that its RDB has about so many bytes, uncompressed, which compress as prose does. */
export async function fillRedis(request: { url: string; bytes: number; signal: AbortSignal }): Promise<void> {
  const { url, bytes, signal } = request;
  const words = prose(100_000);
  const { below, bytes: noise } = createSeeded(4);
  const client = new Redis(url);
  try {
    const keys = Math.ceil(bytes / bytesPerKey);
    for (let first = 0; first < keys; first += keysAtOnce) {
      signal.throwIfAborted();
      const pairs = Array.from({ length: Math.min(keysAtOnce, keys - first) }, (_, index) => {
        const at = below(words.length - proseInKey);
        return [`order:${first + index}`, words.slice(at, at + proseInKey) + noise(120).toString('hex')];
      });
      await client.mset(...pairs.flat());
    }
  } finally {
    client.disconnect();
  }
}

/** Fills an empty database so that its dump has about so many bytes, which compress as prose does. */
export async function fillMariadb(request: { url: string; bytes: number }): Promise<void> {
  const { url, bytes } = request;
  const piece = `SUBSTR(@words, 1 + FLOOR(RAND(seq) * 3900), 90)`;
  await statements(
    url,
    `SET @words = '${prose(4_000)}';
     CREATE TABLE orders (id INT PRIMARY KEY, amount DECIMAL(9,2), note TEXT, KEY by_amount (amount)) ENGINE = InnoDB;
     INSERT INTO orders SELECT seq, RAND(seq) * 900,
       CONCAT_WS(' ', ${piece}, HEX(RANDOM_BYTES(8)), ${piece}, ${piece}) FROM seq_1_to_${Math.ceil(bytes / bytesPerTuple)};`,
  );
}

/** Words of a small vocabulary, some of them far more frequent than others; the same every time. */
function prose(length: number): string {
  const { below } = createSeeded(7);
  const letter = (): string => String.fromCharCode(97 + below(26));
  const vocabulary = Array.from({ length: 400 }, () => Array.from({ length: 2 + below(7) }, letter).join(''));
  let text = '';
  while (text.length < length) text += `${vocabulary[below(1 + below(vocabulary.length))]} `;
  return text.slice(0, length);
}
