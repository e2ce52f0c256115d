import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { Stage } from '../../src/pipeline/process/stage.ts';
import { filesBelow, withFolder } from '../support/folder.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { realProgram } from '../support/misbehaving-tools.ts';
import { query, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { runStage } from '../support/stage.ts';

const run = promisify(execFile);
const page = join(import.meta.dirname, '..', '..', 'docs', 'engines', 'command.md');

type Entry = Record<string, unknown>;

describe('a recipe of docs/engines/command.md', () => {
  it('backs a folder up by tar, proves it, and restores it', () =>
    withInstallation(async (installation) => {
      const { path } = installation;
      const [uploads, restored] = [join(path, 'uploads'), join(path, 'restored')];
      for (const folder of [uploads, restored]) await mkdir(folder);
      await writeFile(join(uploads, 'one'), 'first');
      await configure(installation, { uploads: await recipe('uploads', { '/srv/uploads': uploads }) });
      const backupId = await backUp(installation, 'uploads');
      const { code, stderr } = await installation.run('verify', backupId, '--here');
      assert.equal(code, 0, stderr);
      await restoreTo(installation, backupId, `uploads/${restored}`, restored);
      assert.equal(await readFile(join(restored, 'one'), 'utf8'), 'first');
      assert.deepEqual(await filesBelow(restored), ['one']);
    }));

  it('takes no archive for whole that was cut, is of no bytes, or that no program could look at', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'zeros'), Buffer.alloc(100_000));
      await writeFile(join(folder, 'text'), 'x'.repeat(100_000));
      const { dump, check } = await recipe('uploads', { '/srv/uploads': folder });
      const whole = (await runStage(shellOf(dump), [])).stdout;
      const codeFor = async (bytes: Buffer, path = process.env.PATH) =>
        (await runStage(shellOf(check, path), [bytes])).code;
      assert.equal(await codeFor(whole), 0);
      assert.notEqual(await codeFor(whole, folder), 0);
      const cuts = Array.from({ length: 50 }, (_, n) => Math.ceil((n * whole.length) / 50 / 512) * 512);
      for (const bytes of [...cuts, 1, 50_001, whole.length - 513])
        assert.notEqual(await codeFor(whole.subarray(0, bytes)), 0, `${bytes} of ${whole.length} bytes`);
    }));

  it('backs a cluster up as files by pg_basebackup, and restores one that pg_verifybackup proves', () =>
    withCluster((installation, server) =>
      useRecipe(installation, server, 'cluster', async (backupId) => {
        const restored = join(installation.path, 'cluster');
        await mkdir(restored, { mode: 0o700 });
        await restoreTo(installation, backupId, `cluster/${restored}`, restored);
        const verifier = join(dirname(await realProgram('pg_dump')), 'pg_verifybackup');
        const { stdout } = await run(verifier, [restored]);
        assert.match(stdout, /backup successfully verified/);
      }),
    ));

  it('backs a cluster up as SQL by pg_dumpall, and restores it with the passwords of its roles', () =>
    withCluster((installation, server) =>
      useRecipe(installation, server, 'everything', async (backupId) => {
        await query(server.adminUrl, 'DROP DATABASE shop');
        await query(server.adminUrl, 'DROP ROLE keeper');
        // Its own roles are there: psql stops at the first error, so the copy goes where there is none of them.
        const other = await startPostgres({ databaseUser: 'other' });
        try {
          const entry = await recipe('everything', addressOf(other));
          await configure(installation, { everything: entry });
          await restoreTo(installation, backupId, 'everything/postgres', 'postgres');
          const [row] = await query<{ rows: string }>(
            other.url('shop'),
            'SELECT count(*) AS rows FROM orders',
          );
          assert.equal(row?.rows, '1000');
          await query(other.url('shop', 'keeper', 'keeps-it'), 'SELECT 1');
        } finally {
          await other.stop();
        }
      }),
    ));
});

describe('the engine command', () => {
  it('shows no value of its environment, whatever its programs say', () =>
    withInstallation(async (installation) => {
      const environment = { TOKEN: 'canary-of-a-command' };
      const says = ['sh', '-c', 'echo "the token is $TOKEN" >&2; exit 3'];
      await configure(installation, {
        inspected: { engine: 'command', inspect: says, dump: ['true'], environment },
        dumped: { engine: 'command', dump: says, environment },
        passed: {
          engine: 'command',
          inspect: ['sh', '-c', 'echo "version of $TOKEN"'],
          dump: ['sh', '-c', 'printf %s "$TOKEN" | wc -c'],
          environment,
        },
      });
      const worker = await installation.start(['worker']);
      for (const name of ['inspected', 'dumped']) {
        const { code, stderr } = await installation.run('backup', name);
        assert.equal(code, name === 'inspected' ? 5 : 1, stderr);
        assert.match(stderr, /the token is \[redacted\]/);
      }
      const backupId = await backUp(installation, 'passed', { started: true });
      const download = await installation.run(
        'download',
        backupId,
        '--part',
        'data.bin',
        '--decode',
        '-o',
        '-',
      );
      assert.equal(download.stdout.trim(), String(environment.TOKEN.length));
      await worker.stop();
      assert.doesNotMatch(worker.log(), /canary-of-a-command/);
      for (const key of await installation.stored())
        assert.ok(!(await readFile(join(installation.backups, key))).includes('canary-of-a-command'), key);
    }));

  it('is refused where an argument holds a secret, or a drill is scheduled', () =>
    withInstallation(async (installation) => {
      await configure(installation, {
        files: {
          engine: 'command',
          dump: ['dump', '--token=canary-1234'],
          environment: { TOKEN: 'canary-1234' },
          verify: { level: 'restore', schedule: '0 3 * * *' },
        },
      });
      const { code, stderr } = await installation.run('config', 'validate');
      assert.equal(code, 2);
      assert.match(stderr, /databases\.files\.dump\.1: holds a value of "environment"/);
      assert.match(stderr, /databases\.files\.verify: has a schedule of drills/);
      assert.doesNotMatch(stderr, /canary/);
    }));
});

describe('a database that is to step back', () => {
  it('is dumped by programs that do', () =>
    withInstallation(async (installation) => {
      await configure(installation, { meek: { engine: 'command', dump: ['nice'], nice: 5 } });
      const backupId = await backUp(installation, 'meek');
      const download = await installation.run(
        'download',
        backupId,
        '--part',
        'data.bin',
        '--decode',
        '-o',
        '-',
      );
      assert.equal(download.stdout, '5\n');
    }));
});

describe('the programs before and after a backup', () => {
  it('are run by the worker, and say how a run went', () =>
    withInstallation(async (installation) => {
      const said = join(installation.path, 'said');
      const say = (word: string) => ['sh', '-c', `echo ${word} $BACKUPDATA_OUTCOME >> ${said}`];
      const good = {
        engine: 'command',
        dump: ['echo', 'all of it'],
        before: say('before'),
        after: say('after'),
      };
      await configure(installation, {
        good,
        bad: { ...good, before: ['sh', '-c', 'echo not now >&2; exit 4'] },
      });
      await backUp(installation, 'good');
      const worker = await installation.start(['worker']);
      const { code, stderr } = await installation.run('backup', 'bad', '--json');
      await worker.stop();
      assert.equal(code, 1);
      assert.match(stderr, /BEFORE_FAILED.*nothing of bad was dumped.*exited with code 4: not now/);
      assert.equal(await readFile(said, 'utf8'), 'before\nafter committed\nafter failed\n');
      assert.deepEqual(
        (await installation.stored()).filter((key) => key.startsWith('bad/')),
        [],
      );
    }));
});

async function configure(
  { configure: write }: Installation,
  databases: Record<string, Entry>,
): Promise<void> {
  await write({ databases, queue: { attempts: 1, lockDuration: 2_000, stalledInterval: 1_000 } });
}

/** A program line as a stage, with a shell that is found on any search path. */
function shellOf(line: unknown, path = process.env.PATH): Stage {
  const [program = '', ...args] = line as string[];
  return {
    program: program === 'sh' ? '/bin/sh' : `/usr/bin/${program}`,
    args,
    env: { PATH: path ?? '', LC_ALL: 'C' },
  };
}

/** The entry of that name in the page, with other addresses than the page's. */
async function recipe(name: string, addresses: Record<string, string>): Promise<Entry> {
  const text = await readFile(page, 'utf8');
  const blocks = Array.from(text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm), (match) => match[1] ?? '');
  const block = blocks.find((each) => new RegExp(`^  ${name}:$`, 'm').test(each)) ?? assert.fail(name);
  const own = Object.entries(addresses).reduce((changed, [from, to]) => {
    assert.ok(changed.includes(from), `the recipe has no ${from}`);
    return changed.replaceAll(from, to);
  }, block);
  return (parse(own) as { databases: Record<string, Entry> }).databases[name] ?? assert.fail(name);
}

function addressOf(server: TestPostgres): Record<string, string> {
  const { hostname, port, username, password } = new URL(server.adminUrl);
  return {
    'PGHOST: db.example': `PGHOST: ${hostname}`,
    '"5432"': `"${port}"`,
    'PGUSER: postgres': `PGUSER: ${username}`,
    '"${PGPASSWORD}"': password,
  };
}

async function withCluster(
  use: (installation: Installation, server: TestPostgres) => Promise<void>,
): Promise<void> {
  const server = await startPostgres();
  try {
    await query(server.adminUrl, `CREATE ROLE keeper LOGIN PASSWORD 'keeps-it'`);
    await query(server.adminUrl, 'CREATE DATABASE shop OWNER keeper');
    await query(server.url('shop'), 'CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 1000) n');
    await withInstallation((installation) => use(installation, server));
  } finally {
    await server.stop();
  }
}

async function useRecipe(
  installation: Installation,
  server: TestPostgres,
  name: string,
  use: (backupId: string) => Promise<void>,
): Promise<void> {
  const { 'PGUSER: postgres': user = '', ...rest } = addressOf(server);
  const addresses = name === 'cluster' ? { ...rest, 'PGUSER: replicator': user } : addressOf(server);
  await configure(installation, { [name]: await recipe(name, addresses) });
  await use(await backUp(installation, name));
}

/** By a worker of its own, unless one runs; the backup's id. */
async function backUp(
  { start, run: command }: Installation,
  name: string,
  { started = false }: { started?: boolean } = {},
): Promise<string> {
  const worker = started ? undefined : await start(['worker']);
  const { code, stderr, json } = await command('backup', name, '--json');
  assert.equal(code, 0, stderr);
  await worker?.stop();
  return json<{ runs: { backupId: string }[] }>().runs[0]?.backupId ?? '';
}

async function restoreTo(
  { run: command }: Installation,
  backupId: string,
  target: string,
  confirm: string,
): Promise<void> {
  const wrong = await command('restore', backupId, '--here', '--to', target);
  assert.equal(wrong.code, 4, wrong.stderr);
  assert.match(wrong.stderr, /nobody but the restore program knows whether/);
  const { code, stderr } = await command('restore', backupId, '--here', '--to', target, '--confirm', confirm);
  assert.equal(code, 0, stderr);
}
