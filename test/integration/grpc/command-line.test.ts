import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { newToken } from '../../../src/producer/identity/tokens.ts';
import { createBulk } from '../../support/bulk-database.ts';
import { assertComplaint } from '../../support/complaint.ts';
import { runInProcess } from '../../support/in-process.ts';
import { type Installation, withInstallation } from '../../support/installation.ts';
import { freePort } from '../../support/ports.ts';

interface Scene {
  installation: Installation;
  /** Runs a command elsewhere: with neither a configuration nor a Redis, but with the server's address and a token. */
  remotely(...args: string[]): ReturnType<typeof runInProcess>;
}

function withServer(use: (scene: Scene) => Promise<void>): Promise<void> {
  return withInstallation(async (installation) => {
    const { postgres, configure, start, path } = installation;
    const url = postgres.url(await createBulk(postgres, 1));
    const { token, sha256 } = newToken(randomBytes);
    const auth = { tokens: [{ name: 'ops', role: 'admin', sha256 }] };
    await configure({ databases: { shop: { engine: 'postgres', url, schedule: '30 2 1 1 *' } }, auth });
    const port = String(await freePort());
    await start(['serve'], { env: { GRPC_PORT: port } });
    await start(['worker']);
    const file = join(path, 'token');
    await writeFile(file, `${token}\n`);
    const server = ['--server', `127.0.0.1:${port}`, '--token-file', file];
    const elsewhere = { path: join(path, 'elsewhere'), env: { PATH: process.env.PATH ?? '' } };
    await use({ installation, remotely: (...args) => runInProcess(elsewhere, ...args, ...server) });
  });
}

/** The members of an object may be in another order. */
function documentOf(stdout: string): unknown {
  return stdout === '' ? undefined : JSON.parse(stdout);
}

describe('the command line by way of a server', () => {
  it('does what it does by way of Redis, and says the same', () =>
    withServer(async ({ installation, remotely }) => {
      const backup = await remotely('backup', 'shop');
      assert.equal(backup.code, 0, backup.stderr);
      assert.match(backup.stderr, /^shop: (waiting|starting|dump|inspect)/m);
      const [backupId = ''] = /shop-\d{8}T\d{6}Z-[a-z2-7]{6}/.exec(backup.stdout) ?? [];
      assert.notEqual(backupId, '', backup.stdout);
      assert.equal((await remotely('verify', backupId, '--level', 'checksum')).code, 0);
      for (const command of [
        ['show', backupId, '--json'],
        ['schedule', 'list', '--json'],
        ['prune', 'shop', '--json'],
        ['jobs', 'show', backupId, '--json'],
        ['jobs', 'show', 'nothing', '--json'],
        ['verify', 'shop-20260102T030405Z-abc234', '--json'],
      ]) {
        const [there, here] = [await remotely(...command), await runInProcess(installation, ...command)];
        const what = `backupdata ${command.join(' ')}`;
        assert.deepEqual([there.code, there.stderr], [here.code, here.stderr], what);
        assert.deepEqual(documentOf(there.stdout), documentOf(here.stdout), what);
      }
      assert.equal((await remotely('pin', 'shop')).code, 0);
      assert.match((await remotely('list')).stdout, new RegExp(backupId));
    }));

  it('says so when no server answers, with exit code 5', () =>
    withInstallation(async ({ path }) => {
      const env = { BACKUPDATA_TOKEN: 'token' };
      const asked = await runInProcess({ path, env }, 'list', '--server', '127.0.0.1:1');
      assert.equal(asked.code, 5);
      assertComplaint(asked, {
        code: 'SERVER_UNAVAILABLE',
        message: /the server at 127\.0\.0\.1:1 does not answer: connect ECONNREFUSED/,
        hint: /GRPC_PORT/,
      });
    }));
});
