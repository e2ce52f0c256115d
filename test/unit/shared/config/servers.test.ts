import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConnection } from '../../../../src/pipeline/engine/postgres/connection.ts';
import {
  configuredNames,
  configuredPools,
  databaseOn,
  decodeName,
  encodeName,
  findDatabase,
  matchesPattern,
  nameMeant,
  serverOf,
} from '../../../../src/shared/config/servers.ts';
import { serverFingerprint } from '../../../../src/shared/fingerprint.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { urlOf } from '../../../support/database.ts';
import { chooseSeed, createSeeded } from '../../../support/seeded.ts';
import { loadText, problemsOf } from './load-text.ts';

const storages = 'storages: { main: { type: local, path: backups } }\n';
const server = (more: string): string =>
  `${storages}databases: { pg: { engine: postgres, discover: { url: "postgres://u:pw-1234@h:5/postgres?dbname=x&sslmode=require"${more} }, pool: eu } }\n`;

describe('the databases of a server', () => {
  it('are found by their names, with the settings of the server and an address of their own', async () => {
    const config = await loadText(server(''));
    assert.equal(config.databases.size, 0);
    const shop = findDatabase(config, 'pg.~53hop~20a');
    assert.equal(urlOf(shop), 'postgres://u:pw-1234@h:5/Shop%20a?sslmode=require');
    assert.equal(shop?.name, 'pg.~53hop~20a');
    assert.equal(shop?.pool, 'eu');
    for (const name of ['pg', 'pg.', 'other.shop', 'pg.Shop', 'pg.~ZZ', 'pg.~73hop'])
      assert.equal(findDatabase(config, name), undefined, name);
  });

  it('are reached with the parameters of the server as they are written', async () => {
    const written = 'options=-c%20a%3Db&db%6Eame=x&sslrootcert=/ca%2B1.pem';
    const { pg } = Object.fromEntries(
      (await loadText(server('').replace(/dbname.*require/, written))).servers,
    );
    assert.ok(pg);
    const url = urlOf(databaseOn(pg, 'shop'));
    assert.equal(url, 'postgres://u:pw-1234@h:5/shop?options=-c%20a%3Db&sslrootcert=/ca%2B1.pem');
    const { parameters } = parseConnection(new Secret(url));
    assert.deepEqual(Object.fromEntries(parameters), { options: '-c a=b', sslrootcert: '/ca+1.pem' });
  });

  it('are never another one, because no URL can name them', async () => {
    const config = await loadText(server(''));
    const { pg } = Object.fromEntries(config.servers);
    assert.ok(pg);
    for (const name of ['.', '..']) {
      assert.equal(databaseOn(pg, name), undefined, name);
      assert.equal(findDatabase(config, `pg.${encodeName(name)}`), undefined, name);
    }
    for (const name of [
      '...',
      '.a',
      'a/..',
      '%2e',
      '%2e%2E',
      '\\',
      '\\..',
      '/',
      '//x',
      ' ',
      '?',
      '#',
      '\n',
      '\t',
      '+',
    ])
      assert.equal(parseConnection(new Secret(urlOf(databaseOn(pg, name)))).database, name, name);
  });

  it('are those that are included and not excluded', async () => {
    const config = await loadText(server(', include: ["shop*", crm], exclude: ["*_old", "shop?"]'));
    const { pg } = Object.fromEntries(config.servers);
    assert.ok(pg);
    const taken = ['shop', 'shop_eu', 'crm', 'shop_old', 'shop1', 'crm2', 'Shop'].filter((name) =>
      databaseOn(pg, name),
    );
    assert.deepEqual(taken, ['shop', 'shop_eu', 'crm']);
  });

  it('have one way to be reached, and names that nothing else has', async () => {
    const of = (entries: string): Promise<string[]> =>
      problemsOf(loadText(`${storages}databases: ${entries}\n`));
    assert.match(
      (await of('{ a: { engine: mysql } }')).join(),
      /databases\.a\.url: is missing; write url for one/,
    );
    const both = '{ a: { engine: mariadb, url: "mysql://h/d", discover: { url: "mysql://h" } } }';
    assert.match((await of(both)).join(), /databases\.a\.url: stands beside discover/);
    const like =
      '{ a: { engine: mariadb, discover: { url: "mysql://h" } }, a.b: { engine: sqlite, path: x } }';
    assert.match((await of(like)).join(), /databases\.a\.b: is called like a database of the server a/);
  });
});

describe('a configuration with a server', () => {
  const text = `${storages}databases: { pg: { engine: postgres, discover: { url: "postgres://u@h/postgres", exclude: [old] }, pool: eu }, crm: { engine: postgres, url: "postgres://u@h/crm" } }\n`;

  it('gives the names and the pools of both, and the server of a database', async () => {
    const config = await loadText(text);
    assert.deepEqual(configuredNames(config), ['crm', 'pg']);
    assert.deepEqual(configuredPools(config), ['default', 'eu']);
    assert.equal(serverOf(config, 'pg.old')?.template.name, 'pg');
    for (const name of ['crm', 'pg', 'pgx.shop']) assert.equal(serverOf(config, name), undefined, name);
  });

  it('knows which name of ours is meant by that of the server', async () => {
    const config = await loadText(text);
    assert.equal(nameMeant(config, 'pg.Shop EU'), 'pg.~53hop~20~45~55');
    for (const name of ['pg', 'pg.', 'pg.shop', 'pg.~53hop', 'crm.Shop', 'Shop'])
      assert.equal(nameMeant(config, name), undefined, name);
  });

  it('tells another server, or another choice of its databases, from it by its fingerprint', async () => {
    const prints = await Promise.all(
      [
        text,
        text.replace('pool: eu', 'pool: us'),
        text.replace('@h/postgres', '@i/postgres'),
        text.replace('[old]', '[]'),
      ].map(async (each) => {
        const server = (await loadText(each)).servers.get('pg');
        assert.ok(server);
        return serverFingerprint(server);
      }),
    );
    assert.equal(prints[0], prints[1]);
    assert.equal(new Set(prints).size, 3);
  });

  it('lets a drill be held beside one of its databases, and beside no other', async () => {
    const withTarget = (target: string) =>
      text.replace('pool: eu', `verify: { level: restore, target: ${target} }`);
    for (const target of ['pg.postgres', 'pg.~53hop~20~45~55'])
      assert.equal((await loadText(withTarget(target))).servers.size, 1);
    assert.match(
      (await problemsOf(loadText(withTarget('pg.Shop')))).join(),
      /verify\.target: not the name of a database; write NAME, or SERVER\.NAME as `backupdata list` shows it/,
    );
    for (const target of ['pg', 'pg.old', 'pg.', 'gone.x'])
      assert.match(
        (await problemsOf(loadText(withTarget(target)))).join(),
        /there is no database of that name; write pg\.DATABASE or crm/,
      );
  });
});

describe('a name of a server in a name of ours', () => {
  it('comes back as it was, whatever it holds, and no two names are one', (context) => {
    const seeded = createSeeded(chooseSeed());
    context.diagnostic(`TEST_SEED=${seeded.seed}`);
    const names = Array.from({ length: 500 }, () =>
      String.fromCodePoint(...Array.from({ length: 1 + seeded.below(20) }, () => 1 + seeded.below(0x2_ff))),
    );
    const encoded = new Map(names.map((name) => [encodeName(name), name]));
    assert.equal(encoded.size, new Set(names).size);
    for (const [text, name] of encoded) {
      assert.match(text, /^[a-z0-9_~-]+$/);
      assert.equal(decodeName(text), name);
    }
  });
});

describe('a pattern', () => {
  for (const [pattern, name, matches] of [
    ['*', 'anything\nat all', true],
    ['shop', 'shop2', false],
    ['sh?p', 'shöp', true],
    ['a.b', 'axb', false],
    ['[a]', 'a', false],
    ['Shop', 'shop', false],
  ] as const)
    it(`${pattern} ${matches ? 'is' : 'is not'} ${JSON.stringify(name)}`, () =>
      assert.equal(matchesPattern(pattern, name), matches));
});
