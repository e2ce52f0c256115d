import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import { assertComplaint, assertNoCrash, type Complaint } from '../support/complaint.ts';
import { writeConfig } from '../support/config.ts';
import { withFolder } from '../support/folder.ts';
import { runInProcess } from '../support/in-process.ts';
import { describeOnSmallDisk, makeReadOnly, withSmallDisk } from '../support/small-disk.ts';
import { storeBackup } from '../support/stored-backup.ts';

const kibibyte = 1024;
const main = resolve(import.meta.dirname, '../../src/main.ts');
const contents = { 'RESTORE.md': Buffer.from('# Restore\n'), 'data.dump': randomBytes(1_100 * kibibyte) };

describeOnSmallDisk(import.meta.filename, () => {
  describe('a download to a disk that is full', () => {
    // With the last of them the very last write is the one that the disk takes only a part of.
    for (const size of [256, 1_000, 1_096]) {
      it(`of ${size} KiB says so in one sentence, and gives the space back`, (context) =>
        withBackup((folder) =>
          withSmallDisk({ bytes: size * kibibyte }, async (disk) => {
            const full: Complaint = { code: 'STORAGE_FULL', message: /there is no space left for \// };
            for (const argv of [
              ['-o', join(disk, 'out')],
              ['--decode', '-o', join(disk, 'out')],
              ['--part', 'data.dump', '-o', join(disk, 'file')],
              ['--part', 'data.dump', '--decode', '-o', join(disk, 'file')],
            ]) {
              await context.test(argv.slice(0, -1).join(' '), async () => {
                assertComplaint(await runInProcess(folder, 'download', 'shop', ...argv), full);
                assert.deepEqual(await readdir(disk), []);
              });
            }
            await context.test('-o - > FILE', async () => {
              const ended = await redirected(folder, join(disk, 'file'));
              assertComplaint(ended, { ...full, message: /no space left for the standard output/ });
            });
          }),
        ));
    }
  });

  describe('a download to a disk that is read-only', () => {
    it('is refused with that', () =>
      withBackup((folder) =>
        withSmallDisk({ bytes: 64 * kibibyte }, async (disk) => {
          await makeReadOnly(disk);
          for (const argv of [[], ['--part', 'RESTORE.md']]) {
            const refused = await runInProcess(folder, 'download', 'shop', ...argv, '-o', join(disk, 'out'));
            assertComplaint(refused, { code: 'USAGE', message: /is on a disk that is mounted read-only/ });
          }
        }),
      ));
  });
});

type Folder = Parameters<typeof runInProcess>[0];

function withBackup(use: (folder: Folder) => Promise<void>): Promise<void> {
  return withFolder(async (path) => {
    const root = join(path, 'main');
    await writeConfig(path, { storages: { main: root }, databases: { shop: {} } });
    await storeBackup(await openStorage({ name: 'main', config: { type: 'local', path: root } }), {
      contents,
    });
    await use({ path, env: { PATH: process.env.PATH ?? '' } });
  });
}

/** In a process of its own, whose stdout is the file. */
async function redirected({ path }: Folder, file: string) {
  const command = '"$0" "$1" download shop --part data.dump -o - > "$2"';
  const child = spawn('sh', ['-c', command, process.execPath, main, file], {
    cwd: path,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  const ended = { code: code as number | null, stdout, stderr };
  assertNoCrash(ended);
  return ended;
}
