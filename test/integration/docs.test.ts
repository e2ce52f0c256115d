import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { withFolder } from '../support/folder.ts';
import { readUntil } from '../support/lines.ts';
import { query, startPostgres, type TestPostgres } from '../support/postgres.ts';

const root = join(import.meta.dirname, '..', '..');
const exampleUrl = 'postgres://me:secret@127.0.0.1:5432/shop';

describe('README.md, "Back up, and restore"', () => {
  it('does what it says, each command as it is written, but for the URL of the database', () =>
    withShop((server) =>
      withFolder(async (folder) => {
        const [start = '', everyDay = '', worstDay = '', ...others] = await blocksOf('Back up, and restore');
        assert.deepEqual(others, [], 'commands that nothing runs');
        assert.ok(start.includes(exampleUrl), start);
        const url = server.url('shop');
        // `npx` finds the command as it does in a checkout.
        await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));

        await withReleases(async (releases) => {
          const up = shell(start.replace(exampleUrl, url), { folder });
          releases.push(() => end(up));
          const lines: string[] = [];
          assert.ok(await readUntil(up.stdout, 'backupdata is up', lines), lines.join('\n'));
          const { code, stdout, stderr } = await finish(shell(everyDay, { folder, url }));
          assert.equal(code, 0, stderr);
          assert.match(stdout, /^default-\S+ .*\nBACKUP .*\ndefault-\S+ .*\ndefault-\S+ restored to/m);
        });
        assert.equal(await ordersIn(server, 'shop_copy'), 1_000);

        const { code, stdout, stderr } = await finish(shell(worstDay, { folder, url }));
        assert.equal(code, 0, stderr);
        assert.match(stdout, /restored to default\/shop_again .*\n# Restore default-[\s\S]*pg_restore/);
        assert.equal(await ordersIn(server, 'shop_again'), 1_000);
      }),
    ));
});

/** A server of its own, because the README names its databases: `shop`, with a thousand orders. */
async function withShop(use: (server: TestPostgres) => Promise<void>): Promise<void> {
  const server = await startPostgres();
  try {
    await query(server.adminUrl, 'CREATE DATABASE shop');
    await query(server.url('shop'), 'CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 1000) n');
    await use(server);
  } finally {
    await server.stop();
  }
}

async function ordersIn(server: TestPostgres, database: string): Promise<number> {
  const [row] = await query<{ count: string }>(server.url(database), 'SELECT count(*) FROM orders');
  return Number(row?.count);
}

/** The blocks of commands of one section. */
async function blocksOf(heading: string): Promise<string[]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const section = readme.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
}

/** What a terminal of a fresh machine has, and what marks the processes of this run. */
const inherited = ['PATH', 'TMPDIR', 'NODE_OPTIONS', 'BACKUPDATA_TEST_RUN'];

/** In a process group of its own. Ports are free ones, and npm asks no registry for what is not there. */
function shell(commands: string, { folder, url }: { folder: string; url?: string }) {
  const env = {
    ...Object.fromEntries(inherited.map((name) => [name, process.env[name]])),
    HOME: folder,
    PORT: '0',
    METRICS_PORT: '0',
    GRPC_PORT: '0',
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
    ...(url === undefined ? {} : { DATABASE_URL: url }),
  };
  return spawn('sh', ['-ec', commands], {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function finish(child: ReturnType<typeof shell>) {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number | null, stdout, stderr };
}

/** Ctrl-C: the whole group is told, and is gone when its output ends. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const closed = once(child, 'close');
  child.stdout?.resume();
  child.stderr?.resume();
  process.kill(-child.pid, 'SIGINT');
  await closed;
}
