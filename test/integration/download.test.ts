import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type Installation, withInstallation } from '../support/installation.ts';
import { createGate, makeTools } from '../support/misbehaving-tools.ts';
import { query, startPostgres } from '../support/postgres.ts';
import { contentOf, createSample } from '../support/postgres-sample.ts';
import { commandsOf, connectionTo } from '../support/stock-shell.ts';

const run = promisify(execFile);
const main = resolve(import.meta.dirname, '../../src/main.ts');

describe('the files of a backup, downloaded', () => {
  it('are those that are stored, and can be used', (context) =>
    withInstallation(async (installation) => {
      const { path, postgres } = installation;
      const url = await backedUpSample(installation);
      const tools = await makeTools(join(path, 'tools'));
      const env = { ...installation.env, PATH: `${tools}:${process.env.PATH}` };
      const place: Place = { ...installation, env, url };

      await context.test('byte for byte, and RESTORE.md works among them as it stands', () =>
        assertRaw(place),
      );
      await context.test('decoded, pg_restore restores them', async () => {
        const [folder, copy] = [join(path, 'decoded'), await postgres.createDatabase()];
        const ended = await installation.run('download', 'shop', '--decode', '-o', folder);
        assert.equal(ended.code, 0, ended.stderr);
        assert.deepEqual((await readdir(folder)).sort(), ['RESTORE.md', 'data.dump', 'globals.sql']);
        assert.match(await readFile(join(folder, 'globals.sql'), 'utf8'), /CREATE ROLE/);
        await run('pg_restore', ['-1', '-d', postgres.url(copy), join(folder, 'data.dump')], { env });
        assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(url));
      });
      await context.test('through a pipe, pg_restore reads them', async () => {
        const { code, stdout, stderr } = await shell(place, `${download} --decode -o - | pg_restore -f -`);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /CREATE TABLE sales\.orders[\s\S]*COPY public\.customers[\s\S]*customer 200/);
      });
      await context.test('into a file that the shell opened, they are the same', async () => {
        const { code, stderr } = await shell(place, `${download} --decode -o - > shell.dump`);
        assert.equal(code, 0, stderr);
        assert.deepEqual(
          await readFile(join(path, 'shell.dump')),
          await readFile(join(path, 'decoded', 'data.dump')),
        );
      });
      for (const argument of ['', ' --decode']) {
        await context.test(`it is no success when their reader goes away:${argument}`, async () => {
          const ended = await shell(place, `(${download}${argument} -o -; echo "code $?" >&2) | head -c 10`);
          assert.equal(ended.stdout.length, 10);
          assert.match(ended.stderr, /^error: the program that reads the output ended before/m);
          assert.match(ended.stderr, /^code 1$/m);
        });
      }
    }));
});

describe('a download that is interrupted', () => {
  it('ends with 130, leaves no file and no program, whatever it waits for', (context) =>
    withInstallation(async (installation) => {
      const { path, env, configure } = installation;
      await backedUpSample(installation);
      const gate = createGate(path, 'zstd');
      const tools = await makeTools(join(path, 'tools'), { zstd: `${gate.lines}; "$REAL" "$@"` });
      await configure({ ...(await configuration(installation)), tools: { path: [tools] } });
      const start = (...args: string[]): Started =>
        spawn(process.execPath, [main, 'download', 'shop', ...args], {
          cwd: path,
          env,
          stdio: ['ignore', 'pipe', 'pipe'],
        });

      await context.test('a decoder', async () => {
        const before = await readdir(path);
        const child = start('--decode', '-o', 'out');
        await gate.reached();
        assert.ok((await stat(join(path, 'out'))).isDirectory());
        await assertInterrupted(child);
        assert.deepEqual(
          (await readdir(path)).filter((name) => name !== 'zstd.waiting'),
          before,
        );
      });
      await context.test('a reader that does not read', async () => {
        const child = start('--part', 'data.dump', '-o', '-');
        // What is there to read is not read: more than a pipe holds is to come.
        await once(child.stdout, 'readable');
        await assertInterrupted(child);
      });
    }));
});

type Place = Pick<Installation, 'path' | 'backups' | 'run' | 'stored'> & {
  env: Record<string, string>;
  url: string;
};

type Started = ChildProcessByStdio<null, Readable, Readable>;

const download = `"${process.execPath}" "${main}" download shop --part data.dump`;

/** About 2 MiB that no codec makes smaller, in volumes of 1 MiB. Gives its URL. */
async function backedUpSample(installation: Installation): Promise<string> {
  const { url } = await createSample(installation.postgres);
  await query(
    url,
    'CREATE TABLE noise AS SELECT i, gen_random_bytes(1024) AS bytes FROM generate_series(1, 2000) i',
  );
  await installation.configure({ databases: { shop: { engine: 'postgres', url, volumeSize: '1MiB' } } });
  const worker = await installation.start(['worker']);
  const made = await installation.run('backup', 'shop');
  assert.equal(made.code, 0, made.stderr);
  await worker.stop();
  return url;
}

async function configuration({ path }: Installation) {
  return JSON.parse(await readFile(join(path, 'backupdata.yaml'), 'utf8'));
}

async function assertRaw({ path, backups, run: backupdata, stored, env, url }: Place): Promise<void> {
  const folder = join(path, 'raw');
  const ended = await backupdata('download', 'shop', '-o', folder);
  assert.equal(ended.code, 0, ended.stderr);
  const files = (await stored()).filter((file) => file.includes('/data/'));
  assert.ok(files.some((file) => file.endsWith('data.dump.zst.0001')));
  assert.deepEqual((await readdir(folder)).sort(), files.map((file) => basename(file)).sort());
  for (const file of files)
    assert.deepEqual(await readFile(join(folder, basename(file))), await readFile(join(backups, file)));

  const server = await startPostgres();
  try {
    const options = { cwd: folder, env: { ...env, ...connectionTo(server) }, maxBuffer: 1 << 26 };
    for (const command of await commandsOf(folder)) await run('/bin/sh', ['-c', command], options);
    assert.deepEqual(await contentOf(server.url('restored')), await contentOf(url));
  } finally {
    await server.stop();
  }
}

async function shell({ path, env }: Place, command: string) {
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], { cwd: path, env });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number | null, stdout, stderr };
}

async function assertInterrupted(child: Started): Promise<void> {
  const stderr = text(child.stderr);
  child.kill('SIGINT');
  // Of its stdout nothing is read before it has ended.
  const [code] = await once(child, 'exit');
  assert.equal(code, 130);
  assert.match(await stderr, /^error: interrupted by SIGINT$/m);
}
