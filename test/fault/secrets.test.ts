import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeAgeKey } from '../support/age.ts';
import {
  argumentsOfAll,
  assertSilent,
  everythingInRedis,
  type Said,
  withOwnRedis,
} from '../support/eavesdrop.ts';
import { type CommandResult, type Installation, quickQueue, type Running } from '../support/installation.ts';
import { createGate, type Gate, makeTools, realProgram } from '../support/misbehaving-tools.ts';
import { freePort } from '../support/ports.ts';
import { query } from '../support/postgres.ts';
import { runStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** Passwords that appear nowhere else, with characters that a URL writes otherwise. */
const canaries = {
  database: 'Canary-db/1: x@%é',
  refused: 'Canary-refused/2: x@%é',
  typed: 'Canary-typed/3: x@%é',
};

/** Its secret key opens the backups of `shop`; whoever reads them must have it, and nothing may show it. */
const key = await makeAgeKey();

describe('a password or a secret key of the configuration or the environment', () => {
  it('is in nothing that is printed, logged, queued, measured, stored, or shown as an argument', (context) =>
    withOwnRedis((installation, redisPassword) => {
      const words = [redisPassword, key.identity.reveal(), ...Object.values(canaries)];
      return eavesdrop(installation, async (name, collect) => {
        await context.test(name, async () => assertSilent(await collect(), words));
      });
    }));
});

/** Leads an installation through success and failure, and hands over whatever can be read of it, place by place. */
async function eavesdrop(
  installation: Installation,
  check: (name: string, collect: () => Promise<readonly Said[]>) => Promise<void>,
): Promise<void> {
  const { path, start, postgres } = installation;
  const tools = join(path, 'tools');
  const url = await configureSecrets(installation, tools);
  const [dumping, restoring, decrypting] = ['dump', 'restore', 'decrypt'].map((name) =>
    createGate(path, name),
  );
  assert.ok(dumping && restoring && decrypting);
  await makeTools(tools, {
    pg_dump: `${dumping.lines}; exec "$REAL" "$@"`,
    pg_restore: listing(`${restoring.lines}; exec "$REAL" "$@"`),
  });
  const worker = await start(['worker'], { env: { LOG_LEVEL: 'debug' } });
  const copy = `shop/${postgres.uniqueName()}`;
  await check('while a dump runs', () => atGate(dumping, installation.run('backup', 'shop'), passwordHolder));
  await check('while a restore runs', () =>
    atGate(restoring, installation.run('restore', 'shop', '--to', copy, '--create'), passwordHolder),
  );
  await makeTools(tools, { age: decryption(`${decrypting.lines}; exec "$REAL" "$@"`) });
  await check('while age decrypts', () =>
    atGate(decrypting, installation.run('verify', 'shop'), identityHolder),
  );
  await check('commands that succeed', () => commands(installation, succeeding));
  await check('commands that fail', () => commands(installation, failingAt(url)));
  await check('a tool that tells its password', async () => {
    const tells = 'echo "${0##*/}: error: the password is $PGPASSWORD" >&2; exit 1';
    await makeTools(tools, { pg_dump: tells, pg_restore: listing(tells) });
    const told = await commands(installation, telling(copy));
    for (const [words, text] of told) assert.match(text, /the password is \[redacted\]/, words);
    return told;
  });
  await check('an age that tells the key', async () => {
    await makeTools(tools, { age: decryption('echo "age: error: the key is $(cat /dev/fd/3)" >&2; exit 1') });
    const told = await commands(installation, tellingTheKey(copy));
    for (const [words, text] of told) assert.match(text, /the key is \[redacted\]/, words);
    return told;
  });
  await check('a process with odd surroundings', () => oddEnvironments(installation));
  await check('Redis', () => everythingInRedis(installation.env.REDIS_URL ?? ''));
  await check('the storage', () => everythingStored(installation));
  await check('the metrics', async () => [['/metrics', await metricsOf(worker)]]);
  await check('the log', async () => {
    assert.match(worker.log(), /"level":"debug"|"level":"error"/);
    return [['the log', worker.log()]];
  });
}

/** pg_restore's lines for when it restores; it lists and reads as ever. */
function listing(lines: string): string {
  return `case "$*" in *--dbname*) ${lines};; *) exec "$REAL" "$@";; esac`;
}

/** Age's lines for when it decrypts; it encrypts as ever. */
function decryption(lines: string): string {
  return `case "$*" in *--decrypt*) ${lines};; *) exec "$REAL" "$@";; esac`;
}

/** Two databases of one user: `shop` with its password, `refused` with a wrong one. Gives the URL of the first without. */
async function configureSecrets({ postgres, configure }: Installation, tools: string): Promise<string> {
  const [database, role] = [await postgres.createDatabase(), postgres.uniqueName()];
  await query(postgres.adminUrl, `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${canaries.database}'`);
  await query(postgres.url(database), 'CREATE TABLE item AS SELECT i FROM generate_series(1, 100) i');
  const at = (password: string) => ({ engine: 'postgres', url: postgres.url(database, role, password) });
  const encryption = { type: 'age', recipients: [key.recipient] };
  await configure({
    databases: { shop: { ...at(canaries.database), encryption }, refused: at(canaries.refused) },
    identities: [key.identity.reveal()],
    queue: { ...quickQueue, attempts: 1 },
    tools: { path: [tools] },
  });
  const bare = new URL(postgres.url(database, role));
  bare.password = '';
  return bare.href;
}

/** Where a secret must be for its use, in the process of these arguments; undefined where it need not be. */
type Holder = (pid: string, args: string) => { file: string; secret: string } | undefined;

const passwordHolder: Holder = (pid, args) =>
  /pg_(dump|restore)\0/.test(args) ? { file: `/proc/${pid}/environ`, secret: canaries.database } : undefined;

const identityHolder: Holder = (pid, args) =>
  /age\0--decrypt\0/.test(args) ? { file: `/proc/${pid}/fd/3`, secret: key.identity.reveal() } : undefined;

/** The arguments of every process of the machine, and the environments of compressor and age, which need no secret there. */
async function atGate(gate: Gate, running: Promise<CommandResult>, holder: Holder): Promise<readonly Said[]> {
  await gate.reached();
  const said: Said[] = [];
  const held: boolean[] = [];
  const read = (file: string) => readFile(file, 'utf8').catch(() => '');
  for (const [pid, args] of await argumentsOfAll()) {
    said.push([`the arguments of ${pid}`, args]);
    if (/\/(zstd|age)\0/.test(args))
      said.push([`the environment of ${pid}`, await read(`/proc/${pid}/environ`)]);
    const place = holder(pid, args);
    if (place) held.push((await read(place.file)).includes(place.secret));
  }
  assert.ok(held.includes(true), 'whoever needs it has it, and it would be found');
  await gate.open();
  const ended = await running;
  assert.equal(ended.code, 0, ended.stderr);
  return said;
}

const succeeding: string[][] = [
  ['list'],
  ['show', 'shop'],
  ['show', 'shop', '--json'],
  ['verify', 'shop'],
  ['verify', 'shop', '--here', '--json'],
  ['jobs', 'list'],
  ['jobs', 'list', '--json'],
  ['config', 'validate', '--json'],
];

function failingAt(url: string): string[][] {
  const typed = new URL(url);
  typed.password = encodeURIComponent(canaries.typed);
  return [
    ['backup', 'refused'],
    ['backup', 'refused', '--json'],
    ['restore', 'shop', '--to', 'refused'],
    ['restore', 'shop', '--to', 'refused', '--here', '--json'],
    ['restore', 'shop', '--to', 'shop'],
    ['restore', 'shop', '--to', typed.href],
    ['restore', 'shop', '--to', typed.href, '--json'],
    ['restore', 'shop', '--to', `${typed.href}:nonsense:`],
    ['check'],
    ['check', '--json'],
  ];
}

/** What a tool says of itself reaches people through a worker, and through a command that restores by itself. */
function telling(copy: string): string[][] {
  return [
    ['backup', 'shop'],
    ['backup', 'shop', '--json'],
    ['restore', 'shop', '--to', `${copy}2`, '--create'],
    ['restore', 'shop', '--to', `${copy}2`, '--create', '--here'],
    ['restore', 'shop', '--to', `${copy}2`, '--create', '--here', '--json'],
  ];
}

function tellingTheKey(copy: string): string[][] {
  return [
    ['verify', 'shop'],
    ['verify', 'shop', '--here', '--json'],
    ['restore', 'shop', '--to', `${copy}3`, '--create'],
    ['restore', 'shop', '--to', `${copy}3`, '--create', '--here', '--json'],
  ];
}

/** Each must end as it should, or it would not say what is looked for. */
async function commands(installation: Installation, lines: readonly string[][]): Promise<readonly Said[]> {
  const said: Said[] = [];
  for (const words of lines) {
    const { code, stdout, stderr } = await installation.run(...words);
    assert.equal(code === 0, lines === succeeding, `${words.join(' ')}: ${stderr}`);
    said.push([words.join(' '), stdout + stderr]);
  }
  return said;
}

/** Commands whose environment or configuration is wrong where a secret is. */
async function oddEnvironments({ run: command, env, path }: Installation): Promise<readonly Said[]> {
  const said: Said[] = [];
  const attempt = async (what: string, ...words: string[]): Promise<void> => {
    const { code, stdout, stderr } = await command(...words);
    assert.notEqual(code, 0, what);
    said.push([what, stdout + stderr]);
  };
  const { REDIS_URL: redisUrl = '' } = env;
  const secret = encodeURIComponent(canaries.typed);
  env.REDIS_URL = `redis://:${secret}@127.0.0.1:${await freePort()}`;
  await attempt('Redis away', 'backup', 'shop');
  env.REDIS_URL = redisUrl.replace(/:[^:@/]+@/, `:${secret}@`);
  await attempt('Redis with a wrong password', 'backup', 'shop', '--json');
  env.REDIS_URL = `reddis://:${secret}@127.0.0.1`;
  await attempt('a REDIS_URL that is none', 'jobs', 'list');
  env.REDIS_URL = redisUrl;
  const file = join(path, 'odd.yaml');
  const odd = (url: string, more = '') =>
    `storages: { main: { type: local, path: b } }\ndatabases:\n  shop: { engine: postgres, url: ${JSON.stringify(url)}${more} }\n`;
  for (const [what, text] of Object.entries({
    'a URL of another kind': odd(`postgress://u:${secret}@localhost/shop`),
    'a URL of an unknown parameter': odd(`postgres://u:${secret}@localhost/shop?sslmod=require`),
    'a URL with a line break': odd(`postgres://u:${canaries.typed}\n@localhost/shop`),
    'an unknown key beside a URL': odd(`postgres://u:${secret}@localhost/shop`, ', compresion: none'),
    'a URL as a key': `storages: { main: { type: local, path: b } }\ndatabases: { "postgres://u:${secret}@localhost/shop": 1 }\n`,
    'a file that is no YAML': `databases: { shop: "${canaries.typed}" ]\n`,
  })) {
    await writeFile(file, text);
    await attempt(what, 'check', '--config', file);
    await attempt(`${what}, --json`, 'backup', 'shop', '--config', file, '--json');
  }
  return said;
}

/** Every object, decoded; roles are dumped without what their passwords were turned into. */
async function everythingStored({ backups, stored }: Installation): Promise<readonly Said[]> {
  const said: Said[] = [];
  for (const object of await stored()) {
    const bytes = await readFile(join(backups, object));
    const text = (object.endsWith('.zst.age') ? await decoded(bytes) : bytes).toString();
    assert.doesNotMatch(text, /SCRAM-SHA-256|PASSWORD '/, object);
    said.push([object, object + text]);
  }
  assert.ok(said.some(([object]) => object.endsWith('globals.sql.zst.age')));
  return said;
}

async function decoded(bytes: Buffer): Promise<Buffer> {
  const [age, zstd] = [await realProgram('age'), await realProgram('zstd')];
  const open = { program: age, args: ['-d', '-i', '/dev/fd/3'], files: [key.identity] };
  const decrypted = await runStage(open, [bytes]);
  const { code, stdout, stderr } = await runStage({ program: zstd, args: ['-dcq'] }, [decrypted.stdout]);
  assert.deepEqual([decrypted.code, code], [0, 0], decrypted.stderr + stderr);
  return stdout;
}

async function metricsOf(worker: Running): Promise<string> {
  const base = /"metrics":"(http[^"]+)"/.exec(worker.log())?.[1];
  const ask = async () => (await fetch(`${base}/metrics`)).text();
  await until('failures are counted', async () => /backup_failure_total\{[^}]+\} [1-9]/.test(await ask()));
  return ask();
}
