import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { holdDrill } from '../../../src/pipeline/drill.ts';
import type { Scratch } from '../../../src/pipeline/engine/engine.ts';
import { createRedisEngine } from '../../../src/pipeline/engine/redis/engine.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { type EngineRun, withEngineRun } from '../../support/engine-run.ts';
import { withFolder } from '../../support/folder.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import type { TestRedis } from '../../support/redis.ts';
import { misbehavingPrograms } from '../../support/redis-programs.ts';
import { redisSource, withRedisServer } from '../../support/redis-restored.ts';
import { fillSample, withRedis } from '../../support/redis-sample.ts';
import { machineTools } from '../../support/tools.ts';

describe('a drill of Redis', () => {
  it('starts a server from the restored file, and finds every key loaded that had not expired by then', () =>
    withDebugging(async (redis) => {
      await fillSample(redis.url);
      await withRedis(redis.url, 0, async (own) => {
        await own.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
        await own.set('expired', 'x', 'PX', 1);
      });
      await withEngineRun(async (run) => {
        const keys = await withRedis(redis.url, 0, (own) => own.dbsize());
        await drill(run, redis, {}, async (scratch) => {
          assert.deepEqual(await scratch.missing(nothing), []);
          assert.deepEqual(
            await scratch.count(),
            new Map([
              ['db0', keys - 1],
              ['db3', 2],
            ]),
          );
          assert.match(scratch.serverVersion, /^\d+\.\d+/);
        });
      });
    }));

  it('starts a server with as many databases as there are', () =>
    withRedisServer(
      (redis) =>
        withEngineRun(async (run) => {
          await withRedis(redis.url, 40, (own) => own.set('name', 'value'));
          await drill(run, redis, {}, async (scratch) => {
            assert.deepEqual(await scratch.missing(nothing), []);
            assert.deepEqual(await scratch.count(), new Map([['db40', 1]]));
          });
          const manifest = await run.backUp(redisSource(redis.url));
          const target = { source: null, database: join(run.path, '..', 'restored.rdb') };
          const notes = await run.restoreTo(manifest, target, { create: true });
          assert.match(notes.join('\n'), /only with databases 41 or more/);
        }),
      ['--databases', '64'],
    ));

  it('tells of keys that the server did not load', () =>
    withDebugging((redis) =>
      withEngineRun(async (run) => {
        const fewer = join(run.path, '..', 'fewer.rdb');
        const small = await run.backUp(redisSource(redis.url));
        await run.restoreTo(small, { source: null, database: fewer }, { create: true });
        await fillSample(redis.url);
        const lossy = `for LAST; do case "$LAST" in */backupdata-work-*) DIR=$LAST;; esac; done
[ "$1" = --version ] || cp '${fewer}' "\${DIR%/server}/dump.rdb"; exec "$REAL" "$@"`;
        await drill(run, redis, { 'redis-server': lossy }, async (scratch) => {
          assert.match((await scratch.missing(nothing)).join(), /^\d+ of \d+ keys$/);
        });
      }),
    ));

  it('says why a server did not start', () =>
    withDebugging((redis) =>
      withEngineRun(async (run) => {
        const checked = '[offset 0] Checking RDB file dump.rdb\\n[info] 0 expires\\n[info] 0 already expired';
        const words = `printf "no memory today\\n${checked}\\n"`;
        const broken = `[ "$1" = --version ] && exec "$REAL" "$@"; ${words}; exit 1`;
        await drill(run, redis, { 'redis-server': broken }, async (scratch) => {
          await assert.rejects(scratch.missing(nothing), {
            code: 'RESTORE_FAILED',
            message: /did not start from the restored file: no memory today$/,
          });
        });
      }),
    ));

  it('does not wait for ever where the server cannot be asked', () =>
    withDebugging((redis) =>
      withEngineRun(async (run) => {
        const broken = 'echo "NOAUTH Authentication required." >&2; exit 1';
        const manifest = await run.backUp(redisSource(redis.url));
        await withFolder(async (folder) => {
          const context = engineContext({
            tools: await misbehavingPrograms(folder, { 'redis-cli': broken }),
          });
          const scratch = await createRedisEngine().scratch({ manifest, ...anywhere }, context);
          try {
            await run.restoreTo(manifest, scratch.target, { create: true });
            await assert.rejects(scratch.missing(nothing), { code: 'DATABASE_AUTH' });
          } finally {
            await scratch.drop();
          }
        });
      }),
    ));

  it('finds a backup wanting that redis-check-rdb refuses, and leaves nothing of it', () =>
    withDebugging((redis) =>
      withEngineRun((run) =>
        withFolder(async (folder) => {
          const source = redisSource(redis.url);
          const manifest = await run.backUp(source, { compression: { type: 'none' } });
          const refusing = '[ "$1" = --version ] && exec "$REAL" "$@"; echo "it is broken"; exit 1';
          const { finding } = await holdDrill({
            ...{ manifest, storage: run.storage, codecs: [], engine: createRedisEngine() },
            context: engineContext({
              tools: await misbehavingPrograms(folder, { 'redis-check-rdb': refusing }),
            }),
            clock: () => new Date(),
            onBytes: () => undefined,
            drill: { target: anywhere.target, assertions: [], onPhase: () => undefined },
          });
          assert.match(finding ?? '', /redis-check-rdb exited with code 1: it is broken/);
          const left = (await readdir(tmpdir())).filter((name) =>
            name.startsWith(`backupdata-work-${process.pid}-`),
          );
          assert.deepEqual(left, []);
        }),
      ),
    ));

  it('is refused without redis-server or redis-cli, or with an older one, and asserts no SQL', () =>
    withDebugging((redis) =>
      withEngineRun(async (run) => {
        const request = { manifest: await run.backUp(redisSource(redis.url)), ...anywhere };
        const engine = createRedisEngine();
        for (const program of ['server', 'cli']) {
          const tools = machineTools({ hidden: [`redis-${program}`, `valkey-${program}`] });
          await assert.rejects(engine.scratch(request, engineContext({ tools })), {
            code: 'TOOL_MISSING',
            message: new RegExp(`redis-${program} is not`),
          });
        }
        const older = 'echo "Redis server v=6.2.7 sha=0"';
        await assert.rejects(
          drill(run, redis, { 'redis-server': older }, async () => undefined),
          { code: 'CONFIG_INVALID', message: /the redis-server here is 6\.2\.7/ },
        );
        await drill(run, redis, {}, async (scratch) => {
          await assert.rejects(scratch.refute('SELECT 1'), { code: 'CONFIG_INVALID' });
        });
      }),
    ));
});

const anywhere = { target: { source: null, database: undefined }, name: 'bkd_drill_x', at: new Date() };
/** What is missing is read from the file, not from the parts. */
const nothing = {} as { manifest: Manifest; parts: never };

/** Restores a new backup into a scratch place, which must be gone afterwards. */
async function drill(
  run: EngineRun,
  redis: TestRedis,
  programs: Readonly<Record<string, string>>,
  use: (scratch: Scratch) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const manifest = await run.backUp(redisSource(redis.url));
    const context = engineContext({ tools: await misbehavingPrograms(folder, programs) });
    const scratch = await createRedisEngine().scratch({ manifest, ...anywhere }, context);
    try {
      await run.restoreTo(manifest, scratch.target, { create: true });
      await use(scratch);
    } finally {
      assert.equal(await scratch.drop(), undefined);
    }
    await assert.rejects(stat(dirname(scratch.target.database ?? '')), { code: 'ENOENT' });
  });
}

function withDebugging(use: (redis: TestRedis) => Promise<void>): Promise<void> {
  return withRedisServer(use, ['--enable-debug-command', 'local']);
}
