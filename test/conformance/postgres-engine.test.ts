import { createPostgresEngine } from '../../src/pipeline/engine/postgres/engine.ts';
import type { Source } from '../../src/shared/config/schema.ts';
import { sourceOfUrl } from '../../src/shared/config/source-schema.ts';
import { urlOf } from '../support/database.ts';
import { databaseOf } from '../support/engine-run.ts';
import { connect, query, sharedPostgres, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { schemaOf } from '../support/postgres-backup.ts';
import { contentOf, createSample } from '../support/postgres-sample.ts';
import { until } from '../support/until.ts';
import type { Interruptible, Refusal, Target, Writers } from './engine/subject.ts';
import { engineSuite } from './engine-suite.ts';

engineSuite({
  name: 'postgres',
  withSubject: async (use) => {
    const [server, own] = [await sharedPostgres(), new Set<TestPostgres>()];
    try {
      await use({
        createSource: async () => sourceOf((await createSample(server)).url),
        createTarget: () => createTarget(server),
        describe: async (source) => ({
          content: await contentOf(urlIn(source)),
          schema: await schemaOf(createPostgresEngine(), urlIn(source)),
          sequences: await query(
            urlIn(source),
            'select schemaname, sequencename, last_value from pg_sequences order by 1, 2',
          ),
        }),
        writers,
        refusals: refusalsOf(server),
        createInterruptible: async () => {
          const victim = await startPostgres();
          own.add(victim);
          return createInterruptible(victim);
        },
        checksItself: true,
      });
    } finally {
      for (const each of [...own, server]) await each.stop();
    }
  },
});

const writers: Writers = {
  prepare: (source) => prepareSums(urlIn(source)),
  start: async (source) => {
    const clients = await Promise.all([1, 2].map(() => connect(urlIn(source))));
    let [transactions, stopped] = [0, false];
    const work = clients.map(async (client, index) => {
      while (!stopped) {
        const amount = 1 + (transactions % 5);
        await client.query(
          `BEGIN; UPDATE debit SET amount = amount - ${amount} WHERE id = ${index + 1};
           UPDATE credit SET amount = amount + ${amount} WHERE id = ${index + 1}; COMMIT`,
        );
        transactions += 1;
      }
      await client.end();
    });
    return {
      transactions: () => transactions,
      stop: async () => {
        stopped = true;
        await Promise.all(work);
      },
    };
  },
  sum: async (source) => {
    const [row] = await query<{ sum: string }>(
      urlIn(source),
      'select (select sum(amount) from debit) + (select sum(amount) from credit) as sum',
    );
    return Number(row?.sum);
  },
};

async function prepareSums(url: string): Promise<void> {
  const filled = (table: string) =>
    `CREATE TABLE ${table} (id integer PRIMARY KEY, amount bigint NOT NULL);
     INSERT INTO ${table} SELECT i, 1000 FROM generate_series(1, 20000) i`;
  await query(url, `${filled('debit')}; ${filled('credit')}`);
}

async function createTarget(server: TestPostgres): Promise<Target> {
  const name = server.uniqueName();
  const url = server.url(name);
  return {
    target: { source: sourceOf(server.adminUrl), database: name },
    options: { create: true },
    source: sourceOf(url),
    confirm: name,
  };
}

function refusalsOf(server: TestPostgres): Refusal[] {
  return [
    {
      what: 'a wrong password',
      source: async () => sourceOf(server.url('postgres', undefined, 'wrong')),
      code: 'DATABASE_AUTH',
      message: /refused the log-in/,
    },
    {
      what: 'a database that is not there',
      source: async () => sourceOf(server.url(server.uniqueName())),
      code: 'DATABASE_MISSING',
      message: /there is no such database/,
    },
    {
      what: 'a table that may not be read',
      source: async () => {
        const { database } = await createSample(server);
        const user = server.uniqueName();
        await query(server.adminUrl, `CREATE ROLE ${user} LOGIN PASSWORD 'narrow-user'`);
        return sourceOf(server.url(database, user, 'narrow-user'));
      },
      code: 'DATABASE_PERMISSION',
      message: /may not read all of database/,
    },
    {
      what: 'a server that is not there',
      source: async () => sourceOf('postgres://nobody@127.0.0.1:1/nothing'),
      code: 'DATABASE_UNREACHABLE',
      message: /127\.0\.0\.1:1/,
    },
  ];
}

async function createInterruptible(victim: TestPostgres): Promise<Interruptible> {
  const url = victim.url(await victim.createDatabase());
  await query(
    url,
    'CREATE TABLE bulk AS SELECT i, repeat(md5(i::text), 300) AS text FROM generate_series(1, 60000) i',
  );
  const copying =
    "select 1 from pg_stat_activity where application_name = 'backupdata' and query ~ '^COPY' and state = 'active'";
  return {
    source: sourceOf(url),
    started: () => until('rows are dumped', async () => (await query(url, copying)).length > 0),
    kill: () => victim.stop(),
    code: 'DATABASE_UNREACHABLE',
  };
}

function sourceOf(url: string): Source {
  const source = sourceOfUrl(url);
  if (source) return source;
  throw new Error('no engine reads that URL');
}

function urlIn(source: Source): string {
  return urlOf(databaseOf(source));
}
