import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { withEngineRun } from '../support/engine-run.ts';
import { filesBelow } from '../support/folder.ts';
import type { TestRedis } from '../support/redis.ts';
import { misbehavingPrograms } from '../support/redis-programs.ts';
import { redisSource, withRedisServer } from '../support/redis-restored.ts';
import { withRedis } from '../support/redis-sample.ts';
import { describeOnSmallDisk, withSmallDisk } from '../support/small-disk.ts';

const mebibyte = 1024 * 1024;

describeOnSmallDisk(import.meta.filename, () => {
  describe('a full disk under a backup of Redis', () => {
    it('leaves the target of a restore as it was, and gives the space back', () =>
      withFilled((redis) =>
        withSmallDisk({ bytes: mebibyte }, (disk) =>
          withEngineRun(async ({ backUp, restoreTo }) => {
            const manifest = await backUp(redisSource(redis.url));
            const path = join(disk, 'dump.rdb');
            await writeFile(path, 'old');
            await assert.rejects(
              restoreTo(manifest, { source: null, database: path }, { confirm: 'dump.rdb' }),
              { code: 'DISK_FULL', message: /does not fit on the disk: .*dump\.rdb/ },
            );
            assert.deepEqual(await readdir(disk), ['dump.rdb']);
            assert.equal(await readFile(path, 'utf8'), 'old');
          }),
        ),
      ));

    it('is no verdict on a backup that is verified', () =>
      withFilled((redis) =>
        withSmallDisk({ bytes: 5 * mebibyte }, (disk) =>
          withEngineRun(async ({ path, backUp, verify }) => {
            const manifest = await backUp(redisSource(redis.url));
            await withTemporaryRoot(disk, async () => {
              const tooLarge = { ...manifest, estimatedSourceBytes: 8 * mebibyte };
              await assert.rejects(verify(tooLarge, 'decode'), { code: 'DISK_FULL', message: /are needed/ });
              await writeFile(join(disk, 'filler'), Buffer.alloc(4 * mebibyte));
              const told = { ...manifest, estimatedSourceBytes: 0 };
              await assert.rejects(verify(told, 'decode'), { code: 'DISK_FULL', message: /does not fit/ });
            });
            assert.deepEqual(await readdir(disk), ['filler']);
            assert.ok((await filesBelow(path)).every((file) => !file.includes('.verified-')));
          }),
        ),
      ));

    for (const [when, { lines, message }] of Object.entries({
      'in the middle of a dump': {
        lines: 'head -c 2097152 /dev/zero > "$DIR/filler"; exec "$REAL" "$@"',
        message: /the dump does not fit on the disk of this machine/,
      },
      'when the file of a dump is whole': {
        lines: '"$REAL" "$@"; cat /dev/zero > "$DIR/filler"; exit 0',
        message: /what redis-check-rdb says does not fit on the disk: /,
      },
    })) {
      it(`is told as such ${when}, and nothing is stored`, () =>
        withFilled((redis) =>
          withSmallDisk({ bytes: 5 * mebibyte }, (disk) =>
            withEngineRun(async ({ path, backUp }) => {
              const cli = `for FILE; do :; done\ncase " $* " in *" --rdb "*) ;; *) exec "$REAL" "$@" ;; esac\nDIR='${disk}'; ${lines}`;
              const tools = await misbehavingPrograms(dirname(path), { 'redis-cli': cli });
              await withTemporaryRoot(disk, async () => {
                const failed = backUp(redisSource(redis.url), {}, { tools });
                await assert.rejects(failed, { code: 'DISK_FULL', message, hint: /below TMPDIR/ });
              });
              assert.deepEqual(await readdir(disk), ['filler']);
              assert.ok((await filesBelow(path)).every((file) => !file.includes('data.rdb')));
            }),
          ),
        ));
    }

    it('refuses a dump before the server is asked for it', () =>
      withFilled((redis) =>
        withSmallDisk({ bytes: 8 * mebibyte }, (disk) =>
          withTemporaryRoot(disk, () =>
            withEngineRun(async ({ path, backUp }) => {
              const source = redisSource(redis.url);
              await writeFile(join(disk, 'filler'), Buffer.alloc(4 * mebibyte));
              await assert.rejects(backUp(source), { code: 'DISK_FULL', message: /are needed for a while/ });
              assert.deepEqual(await filesBelow(path), ['backupdata.json']);
            }),
          ),
        ),
      ));
  });
});

/** Three mebibytes that nothing can make smaller. */
function withFilled(use: (redis: TestRedis) => Promise<void>): Promise<void> {
  return withRedisServer(async (redis) => {
    await withRedis(redis.url, 0, (own) => own.set('noise', randomBytes(3 * mebibyte)));
    await use(redis);
  });
}

async function withTemporaryRoot(root: string, use: () => Promise<void>): Promise<void> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = root;
  try {
    await use();
  } finally {
    process.env.TMPDIR = before;
  }
}
