import { query, type TestPostgres } from '../../test/support/postgres.ts';
import type { Dataset } from './bench.ts';
import { runShell, type ShellRun, type StockTools } from './stock-tools.ts';

/** About what one row of `orders` and one of `events` take together in the dump. */
const bytesPerPair = 420;

export interface DatasetRequest {
  postgres: TestPostgres;
  tools: StockTools;
  name: string;
  /** About what `pg_dump -Fc -Z0` is to write. */
  dumpBytes: number;
  signal: AbortSignal;
}

/**
 * Makes a database of sentences, numbers, times, jsonb, uuids and bytea, so that zstd -1 finds something but not
 * everything: neither trivial nor useless. The server makes the same values every time.
 */
export async function createDataset({
  postgres,
  tools,
  name,
  dumpBytes: wanted,
  signal,
}: DatasetRequest): Promise<Dataset> {
  const url = postgres.url(await postgres.createDatabase());
  const rows = Math.ceil(wanted / bytesPerPair);
  await query(url, wordFunction());
  signal.throwIfAborted();
  await Promise.all([query(url, orders(rows)), query(url, events(rows))]);
  signal.throwIfAborted();
  // Otherwise the first dump would write hint bits, and a checkpoint could fall into any of the runs.
  await query(url, 'VACUUM (FREEZE, ANALYZE)');
  await query(url, 'CHECKPOINT');
  const measure = (script: string) => countBytes({ tools, url, signal, script });
  // Every measured dump then finds the whole database in the system's cache.
  const dumpBytes = await measure('pg_dump -Fc -Z0 | wc -c');
  return { name, url, dumpBytes, compressedBytes: await measure('pg_dump -Fc -Z0 | zstd -1 -T0 | wc -c') };
}

async function countBytes(run: ShellRun): Promise<number> {
  return Number((await runShell(run)).stdout);
}

/** A text that compresses as prose does: few words are frequent, most are rare. */
function wordFunction(): string {
  return `CREATE FUNCTION word() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT ('{${words().join(',')}}'::text[])[1 + floor(random() * random() * ${words().length})::int] $$`;
}

function words(): string[] {
  const [starts, middles, ends] = ['b d k l m n r st', 'a e i o', 'ra lin ter s mond'].map((each) =>
    each.split(' '),
  );
  return (starts ?? []).flatMap((start) =>
    (middles ?? []).flatMap((middle) => (ends ?? []).map((end) => start + middle + end)),
  );
}

/** Unlogged, because the write-ahead log of a database that is made only to be read would cost twice the disk. */
function orders(rows: number): string {
  return `SELECT setseed(0.25); CREATE UNLOGGED TABLE orders AS SELECT
    id::bigint AS id,
    (random() * 200000)::int AS customer,
    timestamptz '2024-01-01 00:00Z' + id * interval '17 seconds' + random() * interval '1 hour' AS placed,
    round((random() * 900)::numeric, 2) AS amount,
    round((random() * 90)::numeric, 4) AS tax,
    (ARRAY['new', 'paid', 'sent', 'returned'])[1 + floor(random() * 4)::int] AS status,
    concat_ws(' ', ${repeated('word()', 14)}) AS note,
    jsonb_build_object('source', word(), 'tags', jsonb_build_array(word(), word()), 'score', round(random()::numeric, 5)) AS details
    FROM generate_series(1, ${rows}) AS id`;
}

function events(rows: number): string {
  return `SELECT setseed(0.75); CREATE UNLOGGED TABLE events AS SELECT
    md5(random()::text)::uuid AS id,
    timestamptz '2024-01-01 00:00Z' + random() * interval '700 days' AS at,
    word() AS kind,
    jsonb_build_object('customer', (random() * 200000)::int, 'path', concat_ws('/', ${repeated('word()', 4)}), 'ms', (random() * 900)::int) AS payload,
    decode(md5(random()::text) || md5(random()::text), 'hex') AS digest
    FROM generate_series(1, ${rows})`;
}

function repeated(expression: string, times: number): string {
  return Array.from({ length: times }, () => expression).join(', ');
}
