import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import type { Manifest } from '../../src/shared/manifest.ts';
import { assertComplaint, type Complaint } from '../support/complaint.ts';
import { runInProcess } from '../support/in-process.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { chooseSeed, createSeeded, type Seeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';

/** Of each volume, and of the manifest. */
const flips = 100;

describe('a backup that was damaged in its storage', () => {
  it('is found out by verify, shown by list and refused by restore, whichever bit flipped', (context) =>
    withInstallation(async (installation) => {
      const seeded = createSeeded(chooseSeed());
      context.diagnostic(`TEST_SEED=${seeded.seed}`);
      const backup = await storedBackup(installation);
      for (const file of backup.volumes) {
        await context.test(basename(file), async () => {
          // RESTORE.md is for people: a restore does not read it.
          const refuses = !file.endsWith('RESTORE.md');
          for (let flip = 0; flip < flips; flip += 1) {
            const where = await flipBit(file, seeded);
            try {
              await assertVolumeDamageSeen(installation, backup, { file, where, refuses });
            } finally {
              await heal(installation, file);
            }
          }
        });
      }
      await context.test('the manifest', async () => {
        for (let flip = 0; flip < flips; flip += 1) {
          const where = await flipBit(backup.manifestFile, seeded);
          const complaint: Complaint = {
            code: 'MANIFEST_INVALID',
            message: /cannot be trusted: its bytes are not those that were written/,
          };
          await assertManifestRefused(installation, backup, complaint, where);
          await heal(installation, backup.manifestFile);
        }
      });
      await context.test('none of it: as it was, it is whole', async () => {
        const verified = await runInProcess(
          installation,
          'verify',
          backup.backupId,
          '--level',
          'checksum',
          '--here',
        );
        assert.equal(verified.code, 0, verified.stderr);
      });
    }));

  it('is refused when a volume is missing, too short or too long', (context) =>
    withInstallation(async (installation) => {
      const backup = await storedBackup(installation);
      const file = backup.volumes.find((each) => each.endsWith('data.dump.zst')) ?? '';
      const bytes = await readFile(file);
      for (const [what, [changed, message]] of Object.entries<[Buffer | null, RegExp]>({
        missing: [null, /is missing in storage main/],
        'without its last byte': [bytes.subarray(0, -1), /it should hold \d+ bytes/],
        empty: [Buffer.alloc(0), /it should hold \d+ bytes/],
        'with one more byte': [Buffer.concat([bytes, Buffer.from('x')]), /it should hold \d+ bytes/],
        'with its bytes twice': [Buffer.concat([bytes, bytes]), /it should hold \d+ bytes/],
      })) {
        await context.test(what, async () => {
          await (changed === null ? rm(file) : writeFile(file, changed));
          assertComplaint(
            await runInProcess(installation, 'verify', backup.backupId, '--level', 'checksum', '--here'),
            { code: 'VERIFY_FAILED', message },
          );
          const code = changed === null ? 'OBJECT_NOT_FOUND' : 'OBJECT_DAMAGED';
          await assertRestoreRefused(installation, backup, { code, message });
          await heal(installation, file);
        });
      }
    }));

  it('is refused when its manifest was forged, sealed anew or not', (context) =>
    withInstallation(async (installation) => {
      const backup = await storedBackup(installation);
      const manifest: Manifest & { sha256?: string } = JSON.parse(
        await readFile(backup.manifestFile, 'utf8'),
      );
      const { sha256: _, ...fields } = manifest;
      const [first] = fields.parts;
      const file = basename(first?.volumes[0]?.key ?? '');
      const withKey = (key: string) => {
        const parts = fields.parts.map((part) =>
          part === first ? { ...part, volumes: part.volumes.map((volume) => ({ ...volume, key })) } : part,
        );
        return { ...fields, parts };
      };
      const { backupId, attemptId } = fields;
      const invalid: Complaint = { code: 'MANIFEST_INVALID', message: /cannot be trusted/ };
      for (const [what, [forged, complaint]] of Object.entries<[unknown, Complaint]>({
        'a volume above the storage': [withKey('../../../etc/passwd'), invalid],
        'a volume above, behind its own folder': [
          withKey(`data/${backupId}/${attemptId}/../../../../${file}`),
          invalid,
        ],
        'a volume by an absolute path': [withKey('/etc/passwd'), invalid],
        'a volume of another attempt': [
          withKey(`data/${backupId}/aaaaaaaaa/${file}`),
          { ...invalid, message: /outside its own attempt/ },
        ],
        'a volume of another backup': [
          withKey(`data/shop-20260102T030405Z-abc234/${attemptId}/${file}`),
          { ...invalid, message: /outside its own attempt/ },
        ],
        'a volume of an encoded path': [withKey(`data/${backupId}/${attemptId}/..%2f${file}`), invalid],
        'the id of another backup': [{ ...fields, backupId: 'shop-20260102T030405Z-abc234' }, invalid],
        'the name of another database': [{ ...fields, database: '../crm' }, invalid],
        'no parts': [{ ...fields, parts: [] }, invalid],
        'no version': [{ ...fields, version: undefined }, invalid],
        'version 2': [
          { ...fields, version: 2 },
          {
            code: 'FORMAT_UNSUPPORTED',
            message: /has version 2; this release reads up to 1/,
            hint: /Use a newer release/,
          },
        ],
        'version 2 and fields that nobody knows': [
          { version: 2, anything: 1 },
          { code: 'FORMAT_UNSUPPORTED', message: /has version 2/ },
        ],
        'no object': [[], { ...invalid, message: /it is not JSON/ }],
      })) {
        await context.test(what, async () => {
          await writeFile(backup.manifestFile, sealed(forged));
          await assertManifestRefused(installation, backup, complaint, what);
          await heal(installation, backup.manifestFile);
        });
      }
      for (const [what, text] of Object.entries({
        'no bytes': '',
        'no JSON': 'hello\n',
        'half of it': sealed(fields).slice(0, 700),
      })) {
        await context.test(what, async () => {
          await writeFile(backup.manifestFile, text);
          await assertManifestRefused(installation, backup, invalid, what);
          await heal(installation, backup.manifestFile);
        });
      }
      await context.test('sealed anew without a change, it is accepted', async () => {
        await writeFile(backup.manifestFile, sealed(fields));
        const shown = await runInProcess(installation, 'show', backupId, '--json');
        assert.equal(shown.code, 0, shown.stderr);
      });
    }));
});

interface StoredBackup {
  backupId: string;
  manifestFile: string;
  volumes: string[];
}

/** A small backup, a copy of every file of it beside the storage, and no mark of a verification. */
async function storedBackup(installation: Installation): Promise<StoredBackup> {
  const { postgres, path, backups, configure, run, start, stored } = installation;
  const database = await postgres.createDatabase();
  await query(
    postgres.url(database),
    'CREATE TABLE item AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 5000) i',
  );
  await configure({ databases: { shop: { engine: 'postgres', url: postgres.url(database) } } });
  const worker = await start(['worker']);
  const made = await run('backup', 'shop', '--json');
  assert.equal(made.code, 0, made.stderr);
  await until('the backup is verified', async () =>
    (await stored()).some((each) => each.includes('.verified-')),
  );
  await worker.stop();
  const [backup] = made.json<{ runs: { backupId: string }[] }>().runs;
  const files = (await stored()).map((file) => join(backups, file));
  await removeMarks(installation);
  const volumes = files.filter((file) => file.includes('/data/'));
  assert.equal(volumes.length, 3);
  const manifestFile = files.find((file) => file.endsWith(`${backup?.backupId}.json`)) ?? '';
  await Promise.all([...volumes, manifestFile].map((file) => copyFile(file, join(path, basename(file)))));
  return {
    backupId: backup?.backupId ?? '',
    manifestFile,
    volumes,
  };
}

/** Flips one bit of a file, and says where. */
async function flipBit(file: string, seeded: Seeded): Promise<string> {
  const bytes = await readFile(file);
  const [offset, bit] = [seeded.below(bytes.length), seeded.below(8)];
  bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit);
  await writeFile(file, bytes);
  return `bit ${bit} of byte ${offset} of ${basename(file)}`;
}

/** Puts the file back as it was, and takes the marks of failed verifications away. */
async function heal(installation: Installation, file: string): Promise<void> {
  await copyFile(join(installation.path, basename(file)), file);
  await removeMarks(installation);
}

async function removeMarks({ backups, stored }: Installation): Promise<void> {
  const marks = (await stored()).filter((each) => each.includes('.verified-'));
  await Promise.all(marks.map((mark) => rm(join(backups, mark))));
}

async function assertVolumeDamageSeen(
  installation: Installation,
  backup: StoredBackup,
  { file, where, refuses }: { file: string; where: string; refuses: boolean },
): Promise<void> {
  const message = new RegExp(
    `${basename(file).replaceAll('.', '\\.')} in storage main is damaged: its sha256`,
  );
  const verified = await runInProcess(
    installation,
    'verify',
    backup.backupId,
    '--level',
    'checksum',
    '--here',
  );
  assertComplaint(verified, { code: 'VERIFY_FAILED', message });
  const [listed] = (await runInProcess(installation, 'list', '--json')).json<{
    backups: { verification: string }[];
  }>().backups;
  assert.equal(listed?.verification, 'FAILED', where);
  if (!refuses) return;
  await assertRestoreRefused(installation, backup, { code: 'OBJECT_DAMAGED', message });
}

async function assertManifestRefused(
  installation: Installation,
  backup: StoredBackup,
  complaint: Complaint,
  what: string,
): Promise<void> {
  const { backupId } = backup;
  assertComplaint(await runInProcess(installation, 'show', backupId), complaint);
  assertComplaint(await runInProcess(installation, 'show', 'shop'), complaint);
  assertComplaint(await runInProcess(installation, 'verify', backupId, '--here'), complaint);
  await assertRestoreRefused(installation, backup, complaint);
  const list = await runInProcess(installation, 'list');
  assert.equal(list.code, 0, list.stderr);
  assert.match(list.stdout, complaint.code === 'FORMAT_UNSUPPORTED' ? /TOO NEW/ : /DAMAGED/, what);
  const [listed] = (await runInProcess(installation, 'list', '--json')).json<{
    backups: { problem: { code: string } | null }[];
  }>().backups;
  assert.equal(listed?.problem?.code, complaint.code, what);
}

/** Before the target is touched: it is not even made. */
async function assertRestoreRefused(
  installation: Installation,
  { backupId }: StoredBackup,
  complaint: Complaint,
): Promise<void> {
  const { postgres } = installation;
  const target = postgres.uniqueName();
  const args = ['restore', backupId, '--to', `shop/${target}`, '--create', '--here'];
  const refused = await runInProcess(installation, ...args);
  assertComplaint(refused, complaint);
  assert.doesNotMatch(refused.stderr, /: (prepare|restore)$/m);
  assert.deepEqual(await query(postgres.adminUrl, `select from pg_database where datname = '${target}'`), []);
}

/** A manifest's file as docs/format.md says: the last member is the SHA-256 of all bytes before its line. */
function sealed(fields: unknown): string {
  const covered = `${JSON.stringify(fields, null, 2).replace(/\n?[}\]]$/, '')},\n`;
  return `${covered}  "sha256": "${createHash('sha256').update(covered).digest('hex')}"\n}\n`;
}
