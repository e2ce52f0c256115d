import assert from 'node:assert/strict';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseConnection } from '../../../src/pipeline/engine/postgres/connection.ts';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { connectionEnvironment } from '../../../src/pipeline/engine/postgres/environment.ts';
import { StageFailure } from '../../../src/pipeline/process/failure.ts';
import { withReleases } from '../../../src/shared/lifecycle.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { withFolder } from '../../support/folder.ts';
import { withInstallation } from '../../support/installation.ts';
import { realProgram } from '../../support/misbehaving-tools.ts';
import { query, startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { databaseConfig, engineContext } from '../../support/postgres-backup.ts';
import { runStage } from '../../support/stage.ts';
import { makeTestCa, type TestCa } from '../../support/tls.ts';

/** A server that takes `plain` by TLS only, and `certified` only with a client's certificate. */
interface Demanding {
  server: TestPostgres;
  ca: TestCa;
  /** An authority that signed nothing of the server. */
  other: TestCa;
  folder: string;
}

describe('a PostgreSQL server that demands TLS', () => {
  let given: Demanding;
  const ended = Promise.withResolvers<void>();
  let running: Promise<void>;

  before(async () => {
    const opened = Promise.withResolvers<Demanding>();
    running = withDemanding(async (demanding) => {
      opened.resolve(demanding);
      await ended.promise;
    });
    running.catch(opened.reject);
    given = await opened.promise;
  });

  after(async () => {
    ended.resolve();
    await running;
  });

  function urlFor(
    user: 'plain' | 'certified',
    parameters: Record<string, string>,
    host = '127.0.0.1',
  ): string {
    const query = new URLSearchParams(parameters);
    return `postgres://${user}:pw@${host}:${given.server.port}/postgres?${query}`;
  }

  const key = (): Record<string, string> => ({
    sslcert: given.ca.client.cert,
    sslkey: given.ca.client.key,
  });
  const root = (): Record<string, string> => ({ sslrootcert: given.ca.ca });

  for (const [title, url] of Object.entries<() => string>({
    'sslmode require': () => urlFor('plain', { sslmode: 'require' }),
    'no sslmode, which prefers TLS': () => urlFor('plain', {}),
    'verify-ca and its authority': () => urlFor('plain', { sslmode: 'verify-ca', ...root() }),
    'verify-full and its authority': () => urlFor('plain', { sslmode: 'verify-full', ...root() }),
    'verify-full by name': () => urlFor('plain', { sslmode: 'verify-full', ...root() }, 'localhost'),
    'verify-full and a client certificate': () =>
      urlFor('certified', { sslmode: 'verify-full', ...root(), ...key() }),
  })) {
    it(`is reached by this program and by pg_dump with ${title}`, async () => {
      await inspect(url());
      const { code, stderr } = await dump(url());
      assert.equal(code, 0, stderr);
    });
  }

  for (const { title, url, code, message, hint } of [
    {
      title: 'sslmode disable',
      url: () => urlFor('plain', { sslmode: 'disable' }),
      message: /no encryption/,
      hint: /sslmode=verify-full/,
    },
    {
      title: 'the wrong authority',
      url: () => urlFor('plain', { sslmode: 'verify-ca', sslrootcert: given.other.ca }),
      message: /no encrypted connection that can be trusted/,
      hint: /sslrootcert/,
    },
    {
      title: 'the wrong authority and sslmode require, which then verifies as well',
      url: () => urlFor('plain', { sslmode: 'require', sslrootcert: given.other.ca }),
      message: /no encrypted connection that can be trusted/,
      hint: /sslrootcert/,
    },
    {
      title: 'no client certificate where one is wanted',
      url: () => urlFor('certified', { sslmode: 'verify-full', ...root() }),
      message: /client certificate/,
      hint: /sslcert and sslkey/,
    },
    {
      title: "another authority's client certificate",
      url: () =>
        urlFor('certified', {
          sslmode: 'verify-full',
          ...root(),
          sslcert: given.other.client.cert,
          sslkey: given.other.client.key,
        }),
      message: /refused the log-in|trusted|certificate/,
      hint: /sslcert/,
    },
    {
      title: 'a root certificate that is not there',
      url: () => urlFor('plain', { sslmode: 'verify-full', sslrootcert: '/nowhere/ca.crt' }),
      code: 'CONFIG_INVALID',
      message: /sslrootcert of the PostgreSQL URL names, \/nowhere\/ca\.crt, cannot be read/,
      hint: /exists on this machine/,
    },
    {
      title: 'a mode that verifies and nothing to verify with',
      url: () => urlFor('plain', { sslmode: 'verify-full' }),
      code: 'CONFIG_INVALID',
      message: /sslmode=verify-full and no sslrootcert, and there is no .*\.postgresql\/root\.crt/,
      hint: /sslrootcert=FILE/,
    },
    {
      title: 'a client certificate that is none',
      url: () => urlFor('certified', { ...key(), sslmode: 'require', sslcert: given.ca.client.key }),
      message: /no encrypted connection that can be trusted/,
      hint: /sslcert/,
    },
    {
      title: 'a private key that others may read',
      url: () =>
        urlFor('certified', {
          sslmode: 'verify-full',
          ...root(),
          ...key(),
          sslkey: join(given.folder, 'open.key'),
        }),
      code: 'CONFIG_INVALID',
      message: /open\.key can be read by other users/,
      hint: /chmod 600/,
    },
  ]) {
    it(`refuses this program and pg_dump with ${title}`, async () => {
      await assert.rejects(inspect(url()), { code: code ?? 'DATABASE_AUTH', message, hint });
      const dumped = await dump(url());
      assert.notEqual(dumped.code, 0);
      const exit = { program: '/usr/bin/pg_dump', stopped: false, signal: null, ...dumped };
      const said = createPostgresEngine().explain(new StageFailure([exit]), { name: 'shop' });
      assert.equal(said?.code, 'DATABASE_AUTH', dumped.stderr);
    });
  }

  it('refuses both with verify-full when its certificate names another host, but not with verify-ca', () =>
    withFolder((folder) =>
      withReleases(async (releases) => {
        const ca = await makeTestCa(folder, 'certified', 'DNS:db.example');
        const server = await startPostgres({ tls: { ca, certified: 'certified' } });
        releases.push(server.stop);
        await query(server.adminUrl, "CREATE ROLE plain LOGIN PASSWORD 'pw'");
        const url = (mode: string): string =>
          `${server.url('postgres', 'plain', 'pw')}?sslmode=${mode}&sslrootcert=${ca.ca}`;
        await inspect(url('verify-ca'));
        assert.equal((await dump(url('verify-ca'))).code, 0);
        await assert.rejects(inspect(url('verify-full')), {
          code: 'DATABASE_AUTH',
          message: /no encrypted connection that can be trusted/,
          hint: /names the host/,
        });
        assert.match((await dump(url('verify-full'))).stderr, /server certificate for "db\.example"/);
      }),
    ));

  it('is backed up and restored to by a worker', () =>
    withInstallation(async ({ configure, start, run }) => {
      const url = urlFor('certified', { sslmode: 'verify-full', ...root(), ...key() });
      await query(given.server.adminUrl, 'CREATE TABLE item AS SELECT generate_series(1, 3) AS id');
      await configure({
        databases: { shop: { engine: 'postgres', url, verify: { counts: 'exact', target: 'shop' } } },
      });
      await start(['worker']);
      for (const args of [
        ['backup', 'shop'],
        ['restore', 'shop', '--to', 'shop/copy', '--create', '--no-owner'],
        ['verify', 'shop', '--level', 'restore'],
      ]) {
        const { code, stderr } = await run(...args);
        assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
      }
      const rows = await query(given.server.url('copy'), 'SELECT count(*)::int AS rows FROM item');
      assert.deepEqual(rows, [{ rows: 3 }]);
    }));
});

async function withDemanding(use: (given: Demanding) => Promise<void>): Promise<void> {
  await withFolder((folder) =>
    withReleases(async (releases) => {
      const [ca, other] = [
        await makeTestCa(join(folder, 'ca'), 'certified'),
        await makeTestCa(join(folder, 'other'), 'certified'),
      ];
      await copyFile(ca.client.key, join(folder, 'open.key'));
      await chmod(join(folder, 'open.key'), 0o644);
      const server = await startPostgres({ tls: { ca, certified: 'certified' } });
      releases.push(server.stop);
      await query(
        server.adminUrl,
        `CREATE ROLE plain LOGIN PASSWORD 'pw' IN ROLE pg_read_all_data;
         CREATE ROLE certified LOGIN CREATEDB PASSWORD 'pw' IN ROLE pg_read_all_data`,
      );
      await use({ server, ca, other, folder });
    }),
  );
}

function inspect(url: string) {
  return createPostgresEngine().inspect(databaseConfig(url), engineContext());
}

/** With the environment that its stage would have. */
async function dump(url: string) {
  const env = connectionEnvironment(parseConnection(new Secret(url)), engineContext());
  return runStage(
    { program: await realProgram('pg_dump'), args: ['--schema-only', '--no-password'], env },
    [],
  );
}
