import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Installation, type Running, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { until } from '../support/until.ts';

interface UpFile {
  pid: number;
  redisUrl: string;
  http: string;
  metrics: string;
}

/** `up` with a Redis of its own and one database of a few rows. */
async function withUp(
  use: (bench: { installation: Installation; up: Running; at: UpFile }) => Promise<void>,
): Promise<void> {
  await withInstallation(async (installation) => {
    delete installation.env.REDIS_URL;
    const database = await installation.postgres.createDatabase();
    const url = installation.postgres.url(database);
    await query(url, 'CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 1000) n');
    await installation.configure({ databases: { shop: { engine: 'postgres', url } } });
    const up = await installation.start(['up']);
    const at: UpFile = JSON.parse(await readFile(join(installation.path, 'data', 'up.json'), 'utf8'));
    await use({ installation, up, at });
  });
}

function get(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    request(url, { headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    })
      .once('error', reject)
      .end();
  });
}

describe('backupdata up', () => {
  it('backs up with a Redis of its own, counts it, verifies it by itself, and leaves nothing behind at SIGTERM', () =>
    withUp(async ({ installation: { run, path }, up, at }) => {
      const backup = await run('backup');
      assert.equal(backup.code, 0, backup.stderr);
      await until('the backup is proven', async () => {
        const { backups } = (await run('list', '--json')).json<{ backups: { verification: string }[] }>();
        return backups[0]?.verification === 'decoded';
      });
      const { body } = await get(`${at.metrics}/metrics`);
      assert.match(body, /^backup_success_total\{database="shop",engine="postgres"\} 1$/m);
      assert.match(body, /^backup_duration_seconds_count\{database="shop",engine="postgres"\} 1$/m);
      assert.match(body, /^backup_size_bytes_sum\{database="shop",engine="postgres"\} [1-9]/m);
      assert.equal(await up.stop(), 0);
      await assert.rejects(stat(join(path, 'data', 'up.json')), { code: 'ENOENT' });
      assert.equal((await run('backup')).code, 5, 'Redis went with up, and the command says so at once');
    }));

  it('keeps its queues over a restart, and the password of Redis to its user', () =>
    withUp(async ({ installation: { run, path, start }, up, at }) => {
      const { jobId } = (await run('backup', '--detach', '--json'))
        .json<{ runs: { backupId: string }[] }>()
        .runs.map(({ backupId }) => ({ jobId: backupId }))[0] ?? { jobId: '' };
      await until('the run is over', async () =>
        (await run('jobs', 'show', jobId, '--json')).stdout.includes('"state": "completed"'),
      );
      assert.equal((await stat(join(path, 'data', 'up.json'))).mode & 0o777, 0o600);
      assert.ok(new URL(at.redisUrl).password.length >= 32);
      assert.equal(await up.stop(), 0);
      await start(['up']);
      assert.match((await run('jobs', 'list')).stdout, new RegExp(jobId));
    }));

  it('refuses a second one with the same data directory', () =>
    withUp(async ({ installation: { run } }) => {
      const second = await run('up');
      assert.equal(second.code, 2);
      assert.match(second.stderr, /already runs/);
    }));

  it('makes a token at its first start, shows it once, and shows the queues to it and to nobody else', () =>
    withUp(async ({ installation: { path, start }, up, at }) => {
      const token = /\/sign-in#(bkd_\S+)/.exec(up.log())?.[1] ?? '';
      const authorization = `Bearer ${token}`;
      assert.equal((await get(`${at.http}/queues/api/queues`)).status, 401);
      assert.equal((await get(`${at.http}/queues/api/queues`, { authorization })).status, 200);
      const foreign = await get(`${at.http}/queues/`, { authorization, host: 'evil.example' });
      assert.equal(foreign.status, 403, 'no page that calls itself otherwise');
      const kept = await readFile(join(path, 'data', 'first-token.json'), 'utf8');
      assert.ok(token !== '' && !kept.includes(token), kept);
      assert.equal((await stat(join(path, 'data', 'first-token.json'))).mode & 0o777, 0o600);
      assert.equal(await up.stop(), 0);
      const again = await start(['up']);
      assert.doesNotMatch(again.log(), /bkd_/);
      const later: UpFile = JSON.parse(await readFile(join(path, 'data', 'up.json'), 'utf8'));
      assert.equal((await get(`${later.http}/queues/api/queues`, { authorization })).status, 200);
    }));

  it('shows its token at the first start that serves anything', () =>
    withUp(async ({ installation: { path, start }, up }) => {
      assert.equal(await up.stop(), 0);
      await rm(join(path, 'data', 'first-token.json'));
      const open = await start(['up'], { env: { HOST: '0.0.0.0' } });
      assert.match(open.log(), /the API is off: HOST lets other machines in/);
      assert.doesNotMatch(open.log(), /bkd_/);
      assert.equal(await open.stop(), 0);
      const next = await start(['up']);
      assert.match(next.log(), /\/sign-in#bkd_/);
    }));

  it('answers for its health', () =>
    withUp(async ({ at }) => {
      assert.equal((await get(`${at.metrics}/livez`)).status, 200);
      await until('it is ready', async () => (await get(`${at.metrics}/readyz`)).status === 200);
      assert.equal((await get(`${at.metrics}/nothing`)).status, 404);
    }));

  it('ends, and says why, when its Redis does', () =>
    withUp(async ({ installation: { path }, up }) => {
      const log = await readFile(join(path, 'data', 'redis', 'redis.log'), 'utf8');
      const pid = Number(/^(\d+):/m.exec(log)?.[1]);
      process.kill(pid, 'SIGKILL');
      await until('up has ended', () => up.child.exitCode !== null, 20_000);
      assert.equal(up.child.exitCode, 5);
      assert.match(up.log(), /redis-server ended \(SIGKILL\)/);
    }));
});
