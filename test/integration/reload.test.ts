import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Installation, type Running, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const loaded = 'the configuration was loaded anew';

describe('a configuration that changes while a process runs', () => {
  it('gives `up` a database that is added to its file, in a pool of its own, without a restart', () =>
    withInstallation(async (installation) => {
      const { run, configure, start } = installation;
      const shop = await database(installation);
      await configure({ databases: { shop } });
      const up = await start(['up']);
      await replace(installation, { shop, crm: { ...(await database(installation)), pool: 'far' } });
      await logged(up, loaded);
      const [line] = linesOf(up, loaded);
      assert.deepEqual(
        [line?.cause, line?.added, line?.changed, line?.removed],
        ['a file changed', ['crm'], [], []],
      );
      const backup = await run('backup', 'crm');
      assert.equal(backup.code, 0, backup.stderr);
      assert.equal(await up.stop(), 0);
    }));
});

/** As an editor saves. */
async function replace({ path, backups }: Installation, databases: Record<string, object>): Promise<void> {
  const config = { storages: { main: { type: 'local', path: backups } }, databases };
  await writeFile(join(path, 'new.yaml'), JSON.stringify(config));
  await rename(join(path, 'new.yaml'), join(path, 'backupdata.yaml'));
}

async function database({ postgres }: Installation): Promise<{ engine: string; url: string }> {
  const url = postgres.url(await postgres.createDatabase());
  await query(url, 'CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 10) n');
  return { engine: 'postgres', url };
}

function logged(process: Running, message: string, times = 1): Promise<void> {
  return until(`it says "${message}"`, () => linesOf(process, message).length >= times, 20_000);
}

function linesOf(process: Running, message: string): Record<string, unknown>[] {
  const lines = process
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{"time"'));
  return lines.map((line) => JSON.parse(line)).filter((line) => line.message === message);
}
