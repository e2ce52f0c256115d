import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { databaseFolder } from '../../../src/pipeline/catalog/keys.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample, describeDatabase } from '../../support/mariadb-sample.ts';

const run = promisify(execFile);

describe('RESTORE.md of a MariaDB backup', () => {
  let server: TestMariadb;

  before(async () => {
    server = await sharedMariadb();
  });

  after(() => server.stop());

  it('restores it with stock tools alone, under another name, and leaves the source as it is', () =>
    withEngineRun(async ({ backUp, path }) => {
      const { database, url } = await createSample(server);
      await statements(url, namingItself(database));
      const expected = await describeDatabase(url);
      const manifest = await backUp(mariadbSource(url));
      const folder = join(path, databaseFolder(manifest.database), folderOf(manifest));
      const { port, username, password } = new URL(server.adminUrl);
      const options = [
        '[client]',
        'host=127.0.0.1',
        `port=${port}`,
        `user=${username}`,
        `password=${password}`,
      ];
      await writeFile(join(path, '.my.cnf'), options.join('\n'), { mode: 0o600 });
      const TARGET = server.uniqueName();
      const { stdout } = await run('cat', [join(folder, 'RESTORE.md')]);
      const commands = Array.from(
        stdout.matchAll(/^(`{3,})sh\n([\s\S]*?)\n\1$/gm),
        (match) => match[2] ?? '',
      );
      assert.equal(commands.length, 4);
      for (const command of commands)
        await run('/bin/sh', ['-ec', command], {
          cwd: folder,
          env: { PATH: process.env.PATH, HOME: path, TARGET },
          maxBuffer: 1 << 26,
        });
      assert.deepEqual(await describeDatabase(server.url(TARGET)), expected);
      assert.deepEqual(await describeDatabase(url), expected);
    }));
});

/** A trigger and a view whose definitions name the database. */
function namingItself(database: string): string {
  return `CREATE TRIGGER ${database}.named BEFORE DELETE ON ${database}.customer FOR EACH ROW SET @named = OLD.id;
    CREATE VIEW other_too AS SELECT c.name, u.SCHEMA_NAME FROM customer c JOIN information_schema.SCHEMATA u ON u.SCHEMA_NAME = c.name;`;
}

function folderOf({ parts }: Manifest): string {
  return join(parts[0]?.volumes[0]?.key ?? '', '..');
}
