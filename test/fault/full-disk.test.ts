import assert from 'node:assert/strict';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Manifest } from '../../src/shared/manifest.ts';
import { assertComplaint, assertJsonComplaint, type Complaint } from '../support/complaint.ts';
import { type Installation, quickQueue, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { contentOf } from '../support/postgres-sample.ts';
import { describeOnSmallDisk, makeReadOnly, withSmallDisk } from '../support/small-disk.ts';
import { until } from '../support/until.ts';
import { startsOf } from '../support/worker-log.ts';

const mebibyte = 1024 * 1024;
const attempts = 2;
const page = 4096;
/** Each makes a note in the manifest: several pages, so that the file that does not fit is the manifest. */
const idlePatterns = Array.from({ length: 200 }, (_, i) => `${'no_such_table_'.repeat(5)}${i}`);
const queue = { ...quickQueue, attempts };

describeOnSmallDisk(import.meta.filename, () => {
  describe('a backup to a disk that fails', () => {
    it('says that the disk is full, gives the space back, and leaves the previous backup as it was', (context) =>
      withSmallDisk({ bytes: 64 * mebibyte }, (disk) =>
        withInstallation(
          async (installation) => {
            const { postgres, run, start, stored } = installation;
            const database = await shopOn(installation);
            const worker = await start(['worker']);
            const earlier = await verifiedBackup(installation);
            const before = await stored();
            const sizes = pagesOf(earlier);
            for (const [when, room] of Object.entries({
              'after 10 % of the dump': 0.1 * sizes.data,
              'after 50 % of the dump': 0.5 * sizes.data,
              'after 99 % of the dump': 0.99 * sizes.data,
              'when only the manifest is to be written': sizes.all + 2 * page,
            })) {
              await context.test(when, async () => {
                const free = await leaveRoom(disk, room);
                const complaint: Complaint = {
                  code: 'STORAGE_FULL',
                  message: /the storage main \(.*\) has no space left/,
                  hint: /Free or add space below/,
                };
                assertComplaint(await run('backup', 'shop'), complaint);
                const json = await run('backup', 'shop', '--json');
                assert.equal(assertJsonComplaint(json, complaint).retryable, true);
                const [failed] = json.json<{ runs: { backupId: string }[] }>().runs;
                assert.equal(startsOf(worker, failed?.backupId ?? '').length, attempts);
                assert.deepEqual(await stored(), before);
                assert.equal(await freeBytes(disk), free, 'the space is given back');
              });
            }
            await rm(join(disk, 'filler'));
            const copy = postgres.uniqueName();
            const restored = await run('restore', earlier.backupId, '--to', `shop/${copy}`, '--create');
            assert.equal(restored.code, 0, restored.stderr);
            assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(postgres.url(database)));
          },
          { backups: join(disk, 'backups') },
        ),
      ));

    it('says that the disk is read-only, and still lists and restores what is there', () =>
      withSmallDisk({ bytes: 64 * mebibyte }, (disk) =>
        withInstallation(
          async (installation) => {
            const { postgres, run, start } = installation;
            await shopOn(installation);
            await start(['worker']);
            const earlier = await verifiedBackup(installation);
            await makeReadOnly(disk);
            assertComplaint(await run('backup', 'shop'), {
              code: 'STORAGE_UNAVAILABLE',
              message: /the storage main \(.*\) is mounted read-only/,
            });
            const list = await run('list', '--json');
            assert.deepEqual(
              list.json<{ backups: { backupId: string }[] }>().backups.map((each) => each.backupId),
              [earlier.backupId],
            );
            const restored = await run(
              'restore',
              'shop',
              '--to',
              `shop/${postgres.uniqueName()}`,
              '--create',
              '--here',
            );
            assert.equal(restored.code, 0, restored.stderr);
          },
          { backups: join(disk, 'backups') },
        ),
      ));
  });
});

/** About 8 MiB that no codec makes smaller. */
async function shopOn({ postgres, configure }: Installation): Promise<string> {
  const database = await postgres.createDatabase();
  await query(
    postgres.url(database),
    `CREATE EXTENSION pgcrypto;
    CREATE TABLE noise AS SELECT i, gen_random_bytes(1024) AS bytes FROM generate_series(1, 8192) i`,
  );
  await configure({
    databases: {
      shop: { engine: 'postgres', url: postgres.url(database), tables: { exclude: idlePatterns } },
    },
    queue,
  });
  return database;
}

/** Nothing is being written any more once both of the jobs that follow a backup are done. */
async function verifiedBackup({ run }: Installation): Promise<Manifest> {
  const made = await run('backup', 'shop');
  assert.equal(made.code, 0, made.stderr);
  const shown = () => run('show', 'shop', '--json');
  await until(
    'the backup is verified',
    async () => (await shown()).json<{ verifications: unknown[] }>().verifications.length > 0,
  );
  return (await shown()).json<{ manifest: Manifest }>().manifest;
}

/**
 * What a backup takes on a disk, in bytes of whole pages: its data, and everything but the manifest. The next backup may
 * take a page more or less: the time stands in a dump, and other tests make roles on the same server.
 */
function pagesOf({ parts }: Manifest): { data: number; all: number } {
  const sum = (chosen: Manifest['parts']): number =>
    chosen
      .flatMap((part) => part.volumes)
      .reduce((bytes, volume) => bytes + Math.ceil(volume.bytes / page) * page, 0);
  return { data: sum(parts.filter((part) => part.kind === 'data')), all: sum(parts) };
}

/** Fills the disk up to about `room` bytes, and gives how many are free. */
async function leaveRoom(disk: string, room: number): Promise<number> {
  const filler = join(disk, 'filler');
  await rm(filler, { force: true });
  const bytes = (await freeBytes(disk)) - Math.floor(room);
  await writeFile(filler, Buffer.alloc(bytes));
  return freeBytes(disk);
}

async function freeBytes(disk: string): Promise<number> {
  const { bavail, bsize } = await statfs(disk);
  return bavail * bsize;
}
