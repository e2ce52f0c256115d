import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertComplaint } from '../../../../support/complaint.ts';
import { withFolder } from '../../../../support/folder.ts';
import { runInProcess } from '../../../../support/in-process.ts';

const storages = 'storages: { main: { type: local, path: backups } }\n';

describe('a configuration without a database of its own', () => {
  it('has nothing to back up, which is no success', () =>
    withConfig('{}', async (run) => {
      const message = /^error: the configuration \(.*\) has no database to back up$/;
      for (const args of [[], ['--all'], ['--all', '--detach']])
        assertComplaint(await run('backup', ...args), { code: 'CONFIG_INVALID', message });
    }));

  it('may have a server, which is counted where the configuration is checked', () =>
    withConfig('{ pg: { engine: postgres, discover: { url: "postgres://h" } } }', async (run) => {
      const { code, stdout } = await run('config', 'validate');
      assert.equal(code, 0);
      assert.match(stdout, /^ok: 0 databases, 1 server, 1 storage \(/);
      assert.equal((await run('config', 'validate', '--json')).json<{ servers: number }>().servers, 1);
    }));
});

async function withConfig(
  databases: string,
  use: (run: (...args: string[]) => ReturnType<typeof runInProcess>) => Promise<void>,
): Promise<void> {
  await withFolder(async (path) => {
    await writeFile(join(path, 'backupdata.yaml'), `${storages}databases: ${databases}\n`);
    await use((...args) => runInProcess({ path, env: {} }, ...args));
  });
}
