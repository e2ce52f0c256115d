import type { Source } from '../../src/shared/config/schema.ts';
import { sourceOfUrl } from '../../src/shared/config/source-schema.ts';
import { urlOf } from '../support/database.ts';
import { databaseOf } from '../support/engine-run.ts';
import { sharedMariadb, startMariadb, type TestMariadb } from '../support/mariadb.ts';
import { keepWriting, statements } from '../support/mariadb-client.ts';
import { createSample, describeDatabase } from '../support/mariadb-sample.ts';
import { until } from '../support/until.ts';
import type { Interruptible, Refusal, Target, Writers } from './engine/subject.ts';
import { engineSuite } from './engine-suite.ts';

for (const name of ['mariadb', 'mysql'] as const) {
  engineSuite({
    name,
    withSubject: async (use) => {
      const [server, own] = [await sharedMariadb(), new Set<TestMariadb>()];
      const sourceOf = sourcesOf(name);
      try {
        await use({
          createSource: async () => sourceOf((await createSample(server)).url),
          createTarget: () => createTarget(server, sourceOf),
          describe: (source) => describeDatabase(urlIn(source)),
          writers,
          refusals: refusalsOf(server, sourceOf),
          createInterruptible: async () => {
            const victim = await startMariadb();
            own.add(victim);
            return createInterruptible(victim, sourceOf);
          },
          checksItself: true,
        });
      } finally {
        for (const each of [...own, server]) await each.stop();
      }
    },
  });
}

type SourceOfUrl = (url: string) => Source;

const writers: Writers = {
  prepare: async (source) => {
    const filled = (table: string) =>
      `CREATE TABLE ${table} (id INT PRIMARY KEY, amount BIGINT NOT NULL) ENGINE = InnoDB;
       INSERT INTO ${table} SELECT seq, 1000 FROM seq_1_to_20000;`;
    await statements(urlIn(source), `${filled('debit')} ${filled('credit')}`);
  },
  start: async (source) => {
    const clients = [1, 2].map((id) =>
      keepWriting(urlIn(source), (turn) => {
        const amount = 1 + (turn % 5);
        return `START TRANSACTION; UPDATE debit SET amount = amount - ${amount} WHERE id = ${id};
          UPDATE credit SET amount = amount + ${amount} WHERE id = ${id}; COMMIT;`;
      }),
    );
    return {
      transactions: () => clients.reduce((sum, client) => sum + client.turns(), 0),
      stop: async () => {
        await Promise.all(clients.map((client) => client.stop()));
      },
    };
  },
  sum: async (source) => {
    const rows = await statements(
      urlIn(source),
      'SELECT (SELECT SUM(amount) FROM debit) + (SELECT SUM(amount) FROM credit)',
    );
    return Number(rows[0]?.[0]);
  },
};

async function createTarget(server: TestMariadb, sourceOf: SourceOfUrl): Promise<Target> {
  const name = server.uniqueName();
  return {
    target: { source: sourceOf(server.adminUrl), database: name },
    options: { create: true },
    source: sourceOf(server.url(name)),
    confirm: name,
  };
}

function refusalsOf(server: TestMariadb, sourceOf: SourceOfUrl): Refusal[] {
  const grantedTo = async (grants: string): Promise<Source> => {
    const { database } = await createSample(server);
    const user = server.uniqueName();
    await statements(
      server.adminUrl,
      `CREATE USER ${user}@'%' IDENTIFIED BY 'narrow-user'; GRANT ${grants} ON ${database}.* TO ${user}@'%';`,
    );
    return sourceOf(server.url(database, user, 'narrow-user'));
  };
  return [
    {
      what: 'a wrong password',
      source: async () => sourceOf(server.url('mysql', undefined, 'wrong')),
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
      what: 'triggers that would be hidden',
      source: () => grantedTo('SELECT, SHOW VIEW, EVENT'),
      code: 'DATABASE_PERMISSION',
      message: /may not read all of database/,
    },
    {
      what: 'routines that would be hidden',
      source: () => grantedTo('SELECT, SHOW VIEW, EVENT, TRIGGER'),
      code: 'DATABASE_PERMISSION',
      message: /may not read all of database/,
    },
    {
      what: 'a server that is not there',
      source: async () => sourceOf('mariadb://nobody@127.0.0.1:1/nothing'),
      code: 'DATABASE_UNREACHABLE',
      message: /127\.0\.0\.1:1/,
    },
  ];
}

async function createInterruptible(victim: TestMariadb, sourceOf: SourceOfUrl): Promise<Interruptible> {
  const url = victim.url(await victim.createDatabase());
  await statements(
    url,
    'CREATE TABLE bulk AS SELECT seq, REPEAT(MD5(seq), 300) AS text FROM seq_1_to_60000;',
  );
  const reading =
    "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT %' AND INFO LIKE '%bulk%' AND ID <> CONNECTION_ID()";
  return {
    source: sourceOf(url),
    started: () => until('rows are dumped', async () => (await statements(url, reading)).length > 0),
    kill: () => victim.stop(),
    code: 'DATABASE_UNREACHABLE',
  };
}

function sourcesOf(engine: 'mysql' | 'mariadb'): SourceOfUrl {
  return (url) => {
    const source = sourceOfUrl(url.replace(/^mariadb:/, `${engine}:`));
    if (source) return source;
    throw new Error('no engine reads that URL');
  };
}

function urlIn(source: Source): string {
  return urlOf(databaseOf(source));
}
