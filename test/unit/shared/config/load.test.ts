import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig } from '../../../../src/shared/config/load.ts';
import type { SourceOf } from '../../../../src/shared/config/schema.ts';
import { urlOf } from '../../../support/database.ts';
import { loadText, problemsOf, readFrom, refusalOf, withDatabase } from './load-text.ts';

const url = 'postgres://app:pw-1234@db.example:5432/shop';

describe('where a configuration comes from', () => {
  const named = (installation: string): string => `installation: ${installation}\n${withDatabase()}`;
  const readFile = readFrom({
    '/w/backupdata.yaml': named('usual'),
    '/w/other.yaml': named('other'),
    '/etc/third.yaml': named('third'),
  });

  it('is the file that --config names, before all others', async () => {
    const env = { BACKUPDATA_CONFIG: 'other.yaml', DATABASE_URL: url };
    const config = await loadConfig({ file: '/etc/third.yaml', env, cwd: '/w', readFile });
    assert.equal(config.installation, 'third');
    assert.equal(config.origin, '/etc/third.yaml');
  });

  it('is the file of BACKUPDATA_CONFIG when --config is not given', async () => {
    const env = { BACKUPDATA_CONFIG: 'other.yaml', DATABASE_URL: url };
    assert.equal((await loadConfig({ file: undefined, env, cwd: '/w', readFile })).installation, 'other');
  });

  it('is ./backupdata.yaml when neither is given', async () => {
    const env = { DATABASE_URL: url, BACKUPDATA_CONFIG: '' };
    const config = await loadConfig({ file: undefined, env, cwd: '/w', readFile });
    assert.equal(config.installation, 'usual');
    assert.equal(config.origin, 'backupdata.yaml');
  });

  it('is the environment when there is no file', async () => {
    const env = { DATABASE_URL: url };
    const config = await loadConfig({ file: undefined, env, cwd: '/empty', readFile });
    assert.equal(config.origin, 'environment');
    assert.equal(urlOf(config.databases.get('default')), url);
    assert.equal(config.databases.get('default')?.storage, 'main');
    assert.deepEqual(config.storages.get('main'), { type: 'local', path: '/empty/backups' });
  });

  for (const [given, engine, key, value] of [
    ['postgresql://u@h/d', 'postgres', 'url', 'postgresql://u@h/d'],
    ['mysql://u:pw-1234@h/d', 'mysql', 'url', 'mysql://u:pw-1234@h/d'],
    ['mariadb://h/d', 'mariadb', 'url', 'mariadb://h/d'],
    ['rediss://h:6380', 'redis', 'url', 'rediss://h:6380'],
    ['sqlite:app.db', 'sqlite', 'path', '/empty/app.db'],
    ['sqlite:///srv/app.db', 'sqlite', 'path', '/srv/app.db'],
  ] as const)
    it(`is of the engine that ${given} names, without a file`, async () => {
      const config = await loadConfig({
        file: undefined,
        env: { DATABASE_URL: given },
        cwd: '/empty',
        readFile,
      });
      const database = config.databases.get('default');
      assert.equal(database?.engine, engine);
      assert.equal(key === 'url' ? urlOf(database) : Reflect.get(database ?? {}, key), value);
    });

  for (const [how, options] of Object.entries({
    '--config': { file: 'gone.yaml', env: { DATABASE_URL: url } },
    BACKUPDATA_CONFIG: { file: undefined, env: { DATABASE_URL: url, BACKUPDATA_CONFIG: 'gone.yaml' } },
  })) {
    it(`is refused when ${how} names a file that is not there`, async () => {
      const error = await refusalOf(loadConfig({ ...options, cwd: '/w', readFile }));
      assert.equal(error.message, 'gone.yaml: is not there');
      assert.match(error.hint ?? '', new RegExp(how));
    });
  }

  it('may name a file that has no end, which is refused', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'config-'));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'backupdata.yaml'), withDatabase('', '${file:/dev/zero}'));
    assert.deepEqual(await problemsOf(loadConfig({ file: undefined, env: {}, cwd: folder })), [
      'backupdata.yaml:6:5: databases.shop.url: the file /dev/zero is larger than 65536 bytes',
    ]);
  });

  it('is read from a real folder, and a folder in place of the file is refused', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'config-'));
    t.after(() => rm(folder, { recursive: true }));
    const text = withDatabase('', 'postgres://app:${file:password}@h/shop');
    await writeFile(join(folder, 'backupdata.yaml'), text);
    await writeFile(join(folder, 'password'), 'file-secret\n');
    const config = await loadConfig({ file: undefined, env: {}, cwd: folder });
    assert.deepEqual(config.storages.get('main'), { type: 'local', path: join(folder, 'backups') });
    assert.equal(urlOf(config.databases.get('shop')), 'postgres://app:file-secret@h/shop');
    assert.deepEqual(await problemsOf(loadConfig({ file: '.', env: {}, cwd: folder })), [
      '.: cannot be read (EISDIR)',
    ]);
  });
});

describe('a configuration without a file', () => {
  const load = (env: Record<string, string>) =>
    loadConfig({ file: undefined, env, cwd: '/w', readFile: readFrom({}) });

  it('names both ways to give one when there is none', async () => {
    const error = await refusalOf(load({}));
    assert.equal(
      error.message,
      'environment: DATABASE_URL: is not set, and there is no backupdata.yaml here',
    );
    assert.match(error.hint ?? '', /DATABASE_URL.*backupdata config example/);
  });

  it('keeps its backups in BACKUP_DIR', async () => {
    const config = await load({ DATABASE_URL: url, BACKUP_DIR: 'kept' });
    assert.deepEqual(config.storages.get('main'), { type: 'local', path: '/w/kept' });
  });

  it('takes a schedule, and a webhook of Slack that is told of success, failure, recovery and stale', async () => {
    const webhook = 'https://hooks.example/T0/canary-1';
    const config = await load({
      DATABASE_URL: url,
      BACKUP_SCHEDULE: '0 2 * * *',
      SLACK_WEBHOOK_URL: webhook,
    });
    const database = config.databases.get('default');
    assert.equal(database?.schedule, '0 2 * * *');
    assert.deepEqual(database?.notify, ['slack']);
    const slack = config.notifiers.get('slack');
    assert.deepEqual(slack?.type === 'slack' && slack.on, ['success', 'failure', 'recovery', 'stale']);
    assert.ok(config.secrets.includes(webhook));
  });

  it('names the variable of a schedule or a webhook that is none', async () => {
    const problems = await problemsOf(
      load({ DATABASE_URL: url, BACKUP_SCHEDULE: '0 0 2 * * *', SLACK_WEBHOOK_URL: 'canary-1' }),
    );
    assert.match(problems.join('\n'), /environment: BACKUP_SCHEDULE: not a schedule that ever comes/);
    assert.match(problems.join('\n'), /environment: SLACK_WEBHOOK_URL: not an address/);
    assert.doesNotMatch(problems.join(), /canary-1/);
  });

  it('names the variable that holds something wrong', async () => {
    const problems = await problemsOf(
      load({ DATABASE_URL: 'oracle://u:canary-1@h/d', BACKUP_DIR: 'a\nb', BACKUPDATA_INSTALLATION: 'A B' }),
    );
    assert.deepEqual(problems.map((line) => line.split(': ').slice(0, 2).join(': ')).sort(), [
      'environment: BACKUPDATA_INSTALLATION',
      'environment: BACKUP_DIR',
      'environment: DATABASE_URL',
    ]);
    assert.doesNotMatch(problems.join(), /canary-1/);
  });
});

describe('a configuration file', () => {
  it('gets its defaults', async () => {
    const config = await loadText(withDatabase());
    const shop = config.databases.get('shop');
    assert.equal(urlOf(shop), url);
    const { url: _secret, ...rest } = shop as SourceOf<'postgres'>;
    assert.deepEqual(rest, {
      name: 'shop',
      engine: 'postgres',
      storage: 'main',
      copies: [],
      compression: { type: 'zstd', level: 1 },
      encryption: { type: 'none' },
      retention: null,
      timezone: 'UTC',
      schedule: null,
      spread: 0,
      missed: 'run-once',
      maxAge: null,
      sizeAnomaly: { factor: 3, last: 5, action: 'warn' },
      notify: [],
      verify: { level: 'decode', counts: 'none', assertions: [] },
      pool: 'default',
      maxDuration: 86_400_000,
      volumeSize: 68_719_476_736,
      before: null,
      after: null,
      nice: 0,
      tables: { include: [], exclude: [], excludeData: [] },
      schemas: { include: [], exclude: [] },
      schemaOnly: false,
      extraArguments: [],
      lockTimeout: null,
      statementTimeout: null,
    });
    assert.equal(config.installation, 'default');
    assert.equal(config.queue.lockDuration, 60_000);
    assert.equal(config.timeouts.connect, 10_000);
    assert.equal(config.toolPath, undefined);
  });

  it('lets a database override the defaults of the file', async () => {
    const config = await loadText(
      withDatabase(
        '    pool: eu\n  crm: { engine: postgres, url: "postgres://h/crm" }\ndefaults: { pool: us, maxDuration: 2h, volumeSize: 1MiB, compression: { type: gzip } }\n',
      ),
    );
    assert.equal(config.databases.get('shop')?.pool, 'eu');
    assert.equal(config.databases.get('crm')?.pool, 'us');
    assert.equal(config.databases.get('crm')?.maxDuration, 7_200_000);
    assert.equal(config.databases.get('crm')?.volumeSize, 1_048_576);
    assert.deepEqual(config.databases.get('crm')?.compression, { type: 'gzip', level: 6 });
  });

  it('resolves relative paths from its own folder', async () => {
    const config = await loadText(`${withDatabase()}tools: { path: [bin, /opt/bin] }\n`);
    assert.deepEqual(config.storages.get('main'), { type: 'local', path: '/etc/backup/backups' });
    assert.deepEqual(config.toolPath, ['/etc/backup/bin', '/opt/bin']);
  });

  it('takes its installation from BACKUPDATA_INSTALLATION first', async () => {
    const env = { BACKUPDATA_INSTALLATION: 'blue' };
    assert.equal((await loadText(`installation: green\n${withDatabase()}`, { env })).installation, 'blue');
    assert.equal((await loadText(`installation: \${GONE}\n${withDatabase()}`, { env })).installation, 'blue');
    assert.equal((await loadText(`installation: green\n${withDatabase()}`)).installation, 'green');
    const wrong = loadText(withDatabase(), { env: { BACKUPDATA_INSTALLATION: 'NOT ok' } });
    assert.match(
      (await problemsOf(wrong))[0] ?? '',
      /^environment: BACKUPDATA_INSTALLATION: not a valid name/,
    );
  });

  it('is refused with all of its errors at once, each with its position, in order', async () => {
    const text = `storages:
  main: { type: local, path: backups }
  cold: { type: local, pth: cold }
defaults:
  compresion: { type: zstd }
  volumeSize: 5
  maxDuration: 30d
databases:
  Shop: { engine: postgres, url: "postgres://h/d" }
  shop:
    engine: oracle
    url: \${GONE}
  crm: { engine: postgres, url: 5, storage: mian, pool: 7 }
queue: { attempts: 0, backoff: [] }
timeouts: { connect: 0, drain: soon }
zz: 1
`;
    assert.deepEqual(await problemsOf(loadText(text)), [
      'backupdata.yaml:3:3: storages.cold.path: is missing; write a text',
      'backupdata.yaml:3:24: storages.cold.pth: the key pth is not known here; did you mean "path"?',
      'backupdata.yaml:5:3: defaults.compresion: the key compresion is not known here; did you mean "compression"?',
      'backupdata.yaml:6:3: defaults.volumeSize: must be at least 1MiB',
      'backupdata.yaml:7:3: defaults.maxDuration: must be at most 24d',
      'backupdata.yaml:9:3: databases.Shop: not a valid name; use a-z, 0-9, "_", "." and "-", at most 63, starting with a letter or digit',
      'backupdata.yaml:9:3: databases.Shop.storage: is missing, and there are several; write main or cold',
      'backupdata.yaml:10:3: databases.shop.storage: is missing, and there are several; write main or cold',
      'backupdata.yaml:11:5: databases.shop.engine: not valid; write postgres or mysql or mariadb or sqlite or redis or command',
      'backupdata.yaml:12:5: databases.shop.url: the environment variable GONE is not set',
      'backupdata.yaml:13:28: databases.crm.url: not valid; write a text (in quotes)',
      'backupdata.yaml:13:36: databases.crm.storage: there is no storage of that name; write main or cold',
      'backupdata.yaml:13:51: databases.crm.pool: not valid; write a text (in quotes)',
      'backupdata.yaml:14:10: queue.attempts: must be at least 1',
      'backupdata.yaml:14:23: queue.backoff: not valid; write a map of keys and values',
      'backupdata.yaml:15:13: timeouts.connect: must be more than 0',
      'backupdata.yaml:15:25: timeouts.drain: not a duration; write 500ms, 10s, 5m, 26h or 14d',
      'backupdata.yaml:16:1: zz: the key zz is not known here',
    ]);
  });

  it('names the default storage that does not exist once, not for every database', async () => {
    const text = `${withDatabase()}  crm: { engine: postgres, url: "postgres://h/d" }\ndefaults: { storage: gone }\n`;
    assert.deepEqual(await problemsOf(loadText(text)), [
      'backupdata.yaml:8:13: defaults.storage: there is no storage of that name; write main',
    ]);
  });

  it('says what is empty or missing', async () => {
    assert.deepEqual(await problemsOf(loadText('')), [
      'backupdata.yaml:1:1: is empty; write a map of keys and values',
    ]);
    assert.deepEqual(await problemsOf(loadText('storages: {}\ndatabases:\n')), [
      'backupdata.yaml:1:1: storages: needs at least one storage',
      'backupdata.yaml:2:1: databases: is empty; write a map of names',
    ]);
    assert.deepEqual(await problemsOf(loadText('- a\n')), [
      'backupdata.yaml:1:1: not valid; write a map of keys and values',
    ]);
  });

  it('takes names that JavaScript has other ideas about', async () => {
    const config = await loadText(
      `${withDatabase()}  constructor: { engine: postgres, url: "postgres://h/d" }\n  "1": { engine: postgres, url: "postgres://h/d" }\n`,
    );
    assert.deepEqual([...config.databases.keys()].sort(), ['1', 'constructor', 'shop']);
  });

  it('lists every secret that it holds, as it is written and decoded', async () => {
    const files = { '/run/secrets/pw': 'fi%3Ale-pw\n', '/run/secrets/dir': '/data/backups' };
    const text = `storages: { main: { type: local, path: "\${file:/run/secrets/dir}" } }
databases:
  a: { engine: postgres, url: "postgres://app:p%40ss-word@h/a" }
  b: { engine: postgres, url: "postgres://app:\${file:/run/secrets/pw}@h/b" }
  c: { engine: postgres, url: "postgres://h/c?user=x&password=par%2Bam&sslpassword=tls-pass" }
  d: { engine: postgres, url: "postgres://app:abc@h/d" }
`;
    const { secrets } = await loadText(text, { files });
    assert.deepEqual(
      [...secrets].sort(),
      [
        'postgres://app:p%40ss-word@h/a',
        'p%40ss-word',
        'p@ss-word',
        'postgres://app:fi%3Ale-pw@h/b',
        'fi%3Ale-pw',
        'fi:le-pw',
        'postgres://h/c?user=x&password=par%2Bam&sslpassword=tls-pass',
        'par%2Bam',
        'par+am',
        'tls-pass',
        'postgres://app:abc@h/d',
      ].sort(),
    );
  });
});
