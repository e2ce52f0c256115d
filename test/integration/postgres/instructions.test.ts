import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import type { ManifestPart } from '../../../src/shared/manifest.ts';
import { withFolder } from '../../support/folder.ts';
import { query, sharedPostgres, type TestPostgres } from '../../support/postgres.ts';
import {
  databaseConfig,
  dumpInMemory,
  engineContext,
  type MemoryBackup,
  schemaOf,
} from '../../support/postgres-backup.ts';
import { contentOf, createSample, type Sample } from '../../support/postgres-sample.ts';

const run = promisify(execFile);

describe('the stock commands for a PostgreSQL backup', () => {
  const engine = createPostgresEngine();
  let server: TestPostgres;
  let sample: Sample;
  let backup: MemoryBackup;
  let path: string;

  before(async () => {
    server = await sharedPostgres();
    sample = await createSample(server);
    backup = await dumpInMemory(engine, sample.url);
    const { parts } = await engine.plan(
      databaseConfig(sample.url),
      await engine.inspect(databaseConfig(sample.url), engineContext()),
      engineContext(),
    );
    const source = parts[0]?.source;
    assert.ok(source && typeof source !== 'function');
    path = `${dirname(source.program)}:/usr/bin:/bin`;
  });

  after(() => server.stop());

  /** Runs a command as a reader of RESTORE.md would, and gives what it prints. */
  async function shell(
    command: string,
    folder: string,
    variables: Record<string, string> = {},
  ): Promise<string> {
    const { hostname, port, username, password } = new URL(server.adminUrl);
    const env = {
      PATH: path,
      PGHOST: hostname,
      PGPORT: port,
      PGUSER: username,
      PGPASSWORD: password,
      ...variables,
    };
    const { stdout } = await run('/bin/sh', ['-c', command], { cwd: folder, env, maxBuffer: 1 << 26 });
    return stdout;
  }

  async function written<T>(
    parts: readonly ManifestPart[],
    use: (folder: string, commands: ReturnType<typeof engine.instructions>) => Promise<T>,
  ): Promise<T> {
    return withFolder(async (folder) => {
      for (const { name } of parts) await writeFile(join(folder, name), backup.parts.get(name) ?? '');
      const { restore } = backup.manifest;
      return use(
        folder,
        engine.instructions({ source: 'shop', parts, restore, decode: (part) => `cat ${part.name}` }),
      );
    });
  }

  it('show the dump as SQL', async () => {
    const sql = await written(backup.manifest.parts, (folder, { show }) => shell(show.command, folder));
    assert.match(sql, /^CREATE TABLE sales\.orders \($/m);
    assert.match(sql, /^COPY sales\.orders /m);
  });

  it('restore it, with roles and settings, into the database that TARGET names', async () => {
    const TARGET = server.uniqueName();
    await written(backup.manifest.parts, async (folder, { restore }) => {
      for (const command of restore.flatMap(({ commands }) => commands))
        await shell(command, folder, { TARGET });
    });
    assert.deepEqual(await contentOf(server.url(TARGET)), await contentOf(sample.url));
    assert.equal(await schemaOf(engine, server.url(TARGET)), await schemaOf(engine, sample.url));
    assert.deepEqual(await query(server.url(TARGET), 'SHOW search_path'), [
      { search_path: '"$user", sales, public' },
    ]);
  });

  it('restore it without owners where the backup has no globals', async () => {
    const TARGET = server.uniqueName();
    const parts = backup.manifest.parts.filter(({ kind }) => kind === 'data');
    await written(parts, async (folder, { restore }) => {
      assert.equal(restore.length, 1);
      for (const command of restore.flatMap(({ commands }) => commands))
        await shell(command, folder, { TARGET });
    });
    assert.deepEqual(await contentOf(server.url(TARGET)), await contentOf(sample.url));
    const owners =
      "SELECT DISTINCT tableowner = current_user AS mine FROM pg_tables WHERE schemaname = 'sales'";
    assert.deepEqual(await query(server.url(TARGET), owners), [{ mine: true }]);
  });
});
