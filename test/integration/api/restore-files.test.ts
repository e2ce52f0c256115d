import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type Api, withApi } from '../../support/api.ts';

function withSqlite(use: (api: Api) => Promise<void>): Promise<void> {
  return withApi(use, {
    databases: async ({ path }) => {
      const file = join(path, 'lite.db');
      await promisify(execFile)('sqlite3', [file, 'CREATE TABLE item(i); INSERT INTO item VALUES (1);']);
      return { lite: { engine: 'sqlite', path: file, storage: 'main' } };
    },
  });
}

describe('a restore to a file', () => {
  it('goes beside the database, and nowhere else for who comes over the network', () =>
    withSqlite(async (api) => {
      const { ask, installation } = api;
      assert.equal((await installation.run('backup', 'lite')).code, 0);
      const restore = (targetDatabase: string) =>
        ask('admin', 'POST', '/restores', {
          body: { backup: 'lite', database: 'lite', targetDatabase, create: true },
        });
      const { path } = installation;
      for (const target of [
        '/tmp/x.db',
        'copy.db',
        '../x.db',
        `${path}/../x.db`,
        `${path}/below/x.db`,
        `${path}//x.db`,
      ]) {
        const refused = await restore(target);
        assert.deepEqual([refused.status, refused.problem().code], [403, 'FORBIDDEN'], target);
      }
      const { jobId } = (await restore(join(path, 'copy.db'))).json<{ jobId: string }>();
      const { text } = await ask('admin', 'GET', `/jobs/${jobId}/events`);
      assert.match(text, /event: completed/);
      assert.ok((await readdir(path)).includes('copy.db'));
    }));

  it('goes where a command on this machine says', () =>
    withSqlite(async ({ installation }) => {
      assert.equal((await installation.run('backup', 'lite')).code, 0);
      const elsewhere = join(installation.path, 'data', 'elsewhere.db');
      const restored = await installation.run('restore', 'lite', '--to', `lite/${elsewhere}`, '--create');
      assert.equal(restored.code, 0, restored.stderr);
      assert.ok((await stat(elsewhere)).isFile());
    }));
});
