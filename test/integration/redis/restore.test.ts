import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RestoreOptions } from '../../../src/pipeline/engine/engine.ts';
import { createRedisEngine } from '../../../src/pipeline/engine/redis/engine.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { type EngineRun, withEngineRun } from '../../support/engine-run.ts';
import { engineContext, memoryParts, plainRestore } from '../../support/postgres-backup.ts';
import { redisSource, withRedisServer, withRestored } from '../../support/redis-restored.ts';
import { withRedis } from '../../support/redis-sample.ts';
import { runStage } from '../../support/stage.ts';

describe('a restore of Redis to a file', () => {
  it('makes it for its user alone, and says how a server takes it', () =>
    withBackup(async ({ folder, restore }) => {
      const path = join(folder, 'dump.rdb');
      const notes = await restore(path, { create: true });
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      assert.match(notes.join('\n'), /only at its start.*\n.*appendonly yes.*\n.*able to read/);
      assert.deepEqual(await readdir(folder), ['dump.rdb']);
    }));

  it('replaces a file whose name was typed, keeps its mode, and keeps it on request', () =>
    withBackup(async ({ folder, restore, manifest }) => {
      const path = join(folder, 'dump.rdb');
      await writeFile(path, 'old');
      await chmod(path, 0o640);
      const notes = await restore(path, { confirm: 'dump.rdb', keepOld: true });
      const kept = join(folder, `dump.rdb.before-${manifest.backupId}`);
      assert.equal(await readFile(kept, 'utf8'), 'old');
      assert.ok(
        notes.some((note) => note === `what was there is now ${kept}`),
        notes.join('\n'),
      );
      assert.equal((await stat(path)).mode & 0o777, 0o640);
      await withRestored(path, async ({ url }) =>
        assert.equal(await withRedis(url, 0, (redis) => redis.get('name')), 'value'),
      );
      await assert.rejects(restore(path, { confirm: 'dump.rdb', keepOld: true }), { code: 'TARGET_EXISTS' });
      await restore(path, { confirm: 'dump.rdb' });
      assert.deepEqual((await readdir(folder)).length, 2);
    }));

  it('takes an empty file, and none, for free', () =>
    withBackup(async ({ folder, restore }) => {
      const path = join(folder, 'dump.rdb');
      await restore(path);
      await writeFile(path, '');
      await restore(path);
      assert.ok((await stat(path)).size > 0);
    }));

  it('refuses what is there and was not named, and leaves all as it was', () =>
    withBackup(async ({ folder, restore }) => {
      const path = join(folder, 'dump.rdb');
      await writeFile(path, 'old');
      await mkdir(join(folder, 'folder'));
      await symlink(path, join(folder, 'link'));
      for (const [target, options, code] of [
        [path, {}, 'TARGET_NOT_EMPTY'],
        [path, { confirm: 'other.rdb' }, 'TARGET_NOT_EMPTY'],
        [path, { create: true }, 'TARGET_EXISTS'],
        [path, { create: true, confirm: 'dump.rdb' }, 'TARGET_EXISTS'],
        [join(folder, 'folder'), { confirm: 'folder' }, 'TARGET_EXISTS'],
        [join(folder, 'link'), { confirm: 'link' }, 'TARGET_EXISTS'],
        [join(folder, 'not', 'dump.rdb'), { create: true }, 'USAGE'],
        [path, { confirm: 'dump.rdb', tables: ['public.orders'] }, 'USAGE'],
      ] as const)
        await assert.rejects(restore(target, options), { code }, `${target} ${JSON.stringify(options)}`);
      assert.deepEqual(await readdir(folder), ['dump.rdb', 'folder', 'link']);
      assert.equal(await readFile(path, 'utf8'), 'old');
    }));

  it('gives no name to what redis-check-rdb refuses', () =>
    withBackup(async ({ folder, restore, manifest }) => {
      const path = join(folder, 'dump.rdb');
      await restore(path, { create: true });
      const whole = await readFile(path);
      for (const written of [Buffer.alloc(0), whole.subarray(0, -1), Buffer.from('REDIS0010 and more')]) {
        const plan = await createRedisEngine().prepareRestore(
          {
            manifest,
            target: { source: null, database: path },
            options: { ...plainRestore, confirm: 'dump.rdb', keepOld: true },
            parts: memoryParts({ parts: new Map() }),
          },
          engineContext(),
        );
        assert.equal((await runStage(plan.stage, [written])).code, 0);
        await assert.rejects(plan.finish(), {
          name: 'StageFailure',
          message: /redis-check-rdb exited with code 1/,
        });
        assert.deepEqual(await plan.undo(), []);
        assert.deepEqual(await readdir(folder), ['dump.rdb']);
        assert.deepEqual(await readFile(path), whole);
      }
    }));

  it('goes to a file beside a configured server, never into the server', () =>
    withBackup(async ({ folder, run, manifest }) => {
      const source = redisSource('redis://127.0.0.1:1');
      for (const database of [undefined, 'dump.rdb', '../dump.rdb'])
        await assert.rejects(run.restoreTo(manifest, { source, database }, { create: true }), {
          code: 'USAGE',
          hint: /NAME\/\/PATH .*stop the server/,
        });
      await run.restoreTo(manifest, { source, database: join(folder, 'dump.rdb') }, { create: true });
      assert.deepEqual(await readdir(folder), ['dump.rdb']);
    }));
});

interface Backup {
  run: EngineRun;
  manifest: Manifest;
  /** For targets. */
  folder: string;
  restore(path: string, options?: Partial<RestoreOptions>): Promise<readonly string[]>;
}

async function withBackup(use: (backup: Backup) => Promise<void>): Promise<void> {
  await withRedisServer(async ({ url }) => {
    await withRedis(url, 0, (own) => own.set('name', 'value'));
    await withEngineRun(async (run) => {
      const folder = join(run.path, '..', 'targets');
      await mkdir(folder);
      const manifest = await run.backUp(redisSource(url));
      const restore: Backup['restore'] = (database, options) =>
        run.restoreTo(manifest, { source: null, database }, options);
      await use({ run, manifest, folder, restore });
    });
  });
}
