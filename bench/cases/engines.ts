import { join } from 'node:path';
import { withFolder } from '../../test/support/folder.ts';
import { startMariadb } from '../../test/support/mariadb.ts';
import { startRedis } from '../../test/support/redis.ts';
import { alternate, type Contender } from '../support/alternate.ts';
import type { Bench } from '../support/bench.ts';
import { fillMariadb, fillRedis, makeSqliteFile } from '../support/engine-data.ts';
import { peakMemory } from '../support/process-usage.ts';
import { type Session, timeJob, withSession } from '../support/session.ts';
import { runShell } from '../support/stock-tools.ts';
import { mebibytes, seconds, storedSize } from '../support/units.ts';
import { type Row, ratioRow, valueRow } from '../table.ts';

/** The same limit as for a PostgreSQL dump: 150 MiB. */
const memoryLimit = 150 * 1_048_576;

/** A database of one engine, and what people type to back it up; `$TMP` and `$FILE` are new files. */
interface Subject {
  engine: string;
  /** Of the configuration. */
  source: Record<string, unknown>;
  /** Bytes that zstd reads. */
  dumpBytes: number;
  script: string;
  variables: Readonly<Record<string, string>>;
}

export function sqliteCase(bench: Bench): Promise<Row[]> {
  return withFolder(async (folder) => {
    bench.say('making the SQLite file');
    const path = join(folder, 'shop.db');
    const dumpBytes = await makeSqliteFile({ path, bytes: bench.size.sqliteFile, signal: bench.signal });
    return measure(bench, {
      engine: 'sqlite',
      source: { engine: 'sqlite', path },
      dumpBytes,
      script: `sqlite3 -readonly "$SOURCE" "VACUUM INTO '$TMP'" && zstd -q -1 -T0 < "$TMP" > "$FILE" && rm "$TMP"`,
      variables: { SOURCE: path },
    });
  });
}

export async function redisCase(bench: Bench): Promise<Row[]> {
  bench.say('filling a Redis');
  // A server waits some seconds for more replicas before it sends its data, which would hide all else.
  const settings = ['--rdbcompression', 'no', '--save', '', '--repl-diskless-sync-delay', '0'];
  const server = await startRedis({ args: settings });
  try {
    await fillRedis({ url: server.url, bytes: bench.size.rdb, signal: bench.signal });
    const { password } = new URL(server.url);
    return await measure(bench, {
      engine: 'redis',
      source: { engine: 'redis', url: server.url },
      dumpBytes: bench.size.rdb,
      // redis-cli tells of its progress on stderr.
      script:
        'redis-cli -p "$REDIS" --rdb "$TMP" > "$TMP.log" 2>&1 && zstd -q -1 -T0 < "$TMP" > "$FILE" && rm "$TMP"',
      variables: { REDIS: String(server.port), REDISCLI_AUTH: decodeURIComponent(password) },
    });
  } finally {
    await server.stop();
  }
}

export async function mariadbCase(bench: Bench): Promise<Row[]> {
  bench.say('filling a MariaDB');
  const server = await startMariadb();
  try {
    const url = server.url(await server.createDatabase());
    await fillMariadb({ url, bytes: bench.size.mariadbDump });
    const { username, password, pathname } = new URL(url);
    return await measure(bench, {
      engine: 'mariadb',
      source: { engine: 'mariadb', url },
      dumpBytes: bench.size.mariadbDump,
      script:
        'mariadb-dump -h 127.0.0.1 -P "$PORT" -u "$DB_USER" --single-transaction --quick --routines --events --triggers --hex-blob "$DB" | zstd -q -1 -T0 > "$FILE"',
      variables: {
        PORT: String(server.port),
        DB_USER: username,
        MYSQL_PWD: password,
        DB: pathname.slice(1),
      },
    });
  } finally {
    await server.stop();
  }
}

/** As the case `job`: a job from the moment when a worker takes it, against a shell without and with a `sync`. */
async function measure(bench: Bench, subject: Subject): Promise<Row[]> {
  const { engine, source, script } = subject;
  const rows: Row[] = [];
  await withSession({ bench, databases: { [engine]: source } }, async (session) => {
    const { pid } = await session.startWorker();
    const shell = (typed: string): Contender => ({
      runs: bench.size.runs.job,
      run: () => timeShell({ bench, session, subject, script: typed }),
    });
    const times = await alternate(
      {
        stock: shell(script),
        ours: { runs: bench.size.runs.job, run: () => timeJob(session, engine) },
        synced: shell(`${script}; sync "$FILE"`),
      },
      { signal: bench.signal, onRun: (name, time) => bench.say(`${engine}: ${name} ${seconds(time)}`) },
    );
    rows.push(...describe(subject, times, await peakMemory(pid)));
  });
  return rows;
}

async function timeShell(options: {
  bench: Bench;
  session: Session;
  subject: Subject;
  script: string;
}): Promise<number> {
  const { bench, session, subject, script } = options;
  await session.settle();
  const variables = { ...subject.variables, TMP: join(session.outputs, 'tmp') };
  const file = join(session.outputs, 'dump');
  const { milliseconds } = await runShell({
    ...{ tools: bench.tools, script, file, variables },
    signal: bench.signal,
  });
  return milliseconds;
}

function describe(
  { engine, dumpBytes, script }: Subject,
  times: Record<'stock' | 'ours' | 'synced', readonly number[]>,
  memory: number,
): Row[] {
  const inSeconds = (values: readonly number[]) => ({ values, format: seconds });
  const size = storedSize(dumpBytes);
  const against = `${engine}: active to committed, ${size}, against`;
  const ours = inSeconds(times.ours);
  return [
    ratioRow({ what: `${against} \`${script}\``, ours, stock: inSeconds(times.stock), atMost: 1.1 }),
    ratioRow({ what: `${against} the same and \`sync "$FILE"\``, ours, stock: inSeconds(times.synced) }),
    valueRow({
      what: `${engine}: peak RSS of the worker's Node process, verifications included`,
      ours: { values: [memory], format: mebibytes },
      target: { text: `< ${mebibytes(memoryLimit)}`, holds: (peak) => peak < memoryLimit },
    }),
  ];
}
