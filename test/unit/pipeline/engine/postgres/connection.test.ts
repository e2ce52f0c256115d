import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { describe, it } from 'node:test';
import {
  addressOf,
  parseConnection,
  withDatabase,
} from '../../../../../src/pipeline/engine/postgres/connection.ts';
import {
  connectionEnvironment,
  databaseArgument,
} from '../../../../../src/pipeline/engine/postgres/environment.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { machineTools } from '../../../../support/tools.ts';

function parse(url: string) {
  const { password, parameters, ...rest } = parseConnection(new Secret(url));
  return { ...rest, password: password?.reveal(), parameters: Object.fromEntries(parameters) };
}

const user = userInfo().username;
const nothing = { password: undefined, parameters: {} };

describe('a postgres URL', () => {
  it('gives host, port, user, password and database, each percent-decoded', () => {
    assert.deepEqual(parse('postgres://a%40b:p%2Fw%3A%25@db.example:6543/my%20shop'), {
      host: 'db.example',
      port: 6543,
      user: 'a@b',
      password: 'p/w:%',
      database: 'my shop',
      parameters: {},
    });
  });

  it('has the defaults of libpq for what it leaves out', () => {
    assert.deepEqual(parse('postgresql://'), {
      host: 'localhost',
      port: 5432,
      user,
      database: user,
      ...nothing,
    });
    assert.deepEqual(parse('postgres://me@db'), {
      host: 'db',
      port: 5432,
      user: 'me',
      database: 'me',
      ...nothing,
    });
  });

  it('may hold an IPv6 address', () => {
    const connection = parse('postgres://me@[::1]:5433/shop');
    assert.deepEqual(connection, { host: '::1', port: 5433, user: 'me', database: 'shop', ...nothing });
    assert.equal(addressOf(parseConnection(new Secret('postgres://me@[::1]:5433/shop'))), '[::1]:5433');
  });

  it('may name the folder of a socket, in either of libpq’s forms', () => {
    const expected = { host: '/run/postgresql', port: 5432, user: 'me', database: 'shop', ...nothing };
    assert.deepEqual(parse('postgres://me@/shop?host=/run/postgresql'), expected);
    assert.deepEqual(parse('postgres://me@%2Frun%2Fpostgresql/shop'), expected);
    assert.deepEqual(parse('postgres:///?host=/run/postgresql&user=me&dbname=shop'), expected);
  });

  it('may carry parameters, which override its other parts', () => {
    const url =
      'postgres://me@db/shop?port=6000&password=x%26y&sslmode=verify-full&sslrootcert=/etc/ca.pem&channel_binding=require';
    assert.deepEqual(parse(url), {
      host: 'db',
      port: 6000,
      user: 'me',
      password: 'x&y',
      database: 'shop',
      parameters: { sslmode: 'verify-full', sslrootcert: '/etc/ca.pem', channel_binding: 'require' },
    });
  });

  for (const [url, reason] of [
    ['postgres://me:secret@db:99999/shop', /port/],
    ['postgres://me:secret@db/shop?sslmod=require', /"sslmod" is not known/],
    ['postgres://me:secret@db/shop?sslmode=on', /sslmode is one of disable/],
    ['postgres://me:secret%zz@db/shop', /two hexadecimal digits/],
    ['postgres://me:secret@one,two:5432/shop', /several hosts/],
    ['mysql://me:secret@db/shop', /not written as postgres/],
  ] as const) {
    it(`is refused without repeating the password: ${reason.source}`, () => {
      const refused = (error: Error & { code?: unknown }): boolean =>
        error.code === 'CONFIG_INVALID' && reason.test(error.message) && !error.message.includes('secret');
      assert.throws(() => parse(url), refused);
    });
  }

  it('becomes the environment of the tools, and nothing of this process joins it', () => {
    const connection = parseConnection(
      new Secret('postgres://me:secret@db:6543/shop?sslmode=require&options=-c%20geqo%3Doff'),
    );
    const tools = { ...machineTools(), environment: { PATH: '/bin' } };
    assert.deepEqual(
      connectionEnvironment(withDatabase(connection, 'other'), { tools, connectTimeout: 2_500 }),
      {
        PATH: '/bin',
        LC_ALL: 'C',
        PGHOST: 'db',
        PGPORT: '6543',
        PGUSER: 'me',
        PGDATABASE: 'other',
        PGPASSWORD: 'secret',
        PGSSLMODE: 'require',
        PGOPTIONS: '-c geqo=off',
        PGCONNECT_TIMEOUT: '3',
        PGAPPNAME: 'backupdata',
      },
    );
  });

  it('without a password gives the tools none', () => {
    const connection = parseConnection(new Secret('postgres://me@db/shop'));
    assert.ok(
      !('PGPASSWORD' in connectionEnvironment(connection, { tools: machineTools(), connectTimeout: 1 })),
    );
  });

  it('names a database to a tool whatever characters the name holds', () => {
    assert.equal(databaseArgument(`it's a \\ =name`), `dbname='it\\'s a \\\\ =name'`);
  });
});
