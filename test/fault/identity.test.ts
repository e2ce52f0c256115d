import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeManifest, encodeManifest, type Manifest } from '../../src/shared/manifest.ts';
import { type AgeKey, makeAgeKey } from '../support/age.ts';
import { assertComplaint, type Complaint } from '../support/complaint.ts';
import { runInProcess } from '../support/in-process.ts';
import { type Installation, quickQueue, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { contentOf } from '../support/postgres-sample.ts';
import { chooseSeed, createSeeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';

const [alice, bob, stranger] = await Promise.all([makeAgeKey(), makeAgeKey(), makeAgeKey()]);

/** By a worker, and in the process of the command. */
const ways: Record<string, string[]> = { 'by a worker': [], here: ['--here'] };

describe('a restore without the key that it needs', () => {
  it('is refused before the target is touched, and no verification is recorded', (context) =>
    withInstallation(async (installation) => {
      const { postgres, run, start, stored } = installation;
      const { backupId, database, manifestFile } = await encryptedBackup(installation);
      const kept = await postgres.createDatabase();
      await query(postgres.url(kept), "CREATE TABLE mine AS SELECT 'still here' AS text");
      const before = await contentOf(postgres.url(kept));
      const named = new RegExp(
        `backup ${backupId} is encrypted to ${alice.recipient}, ${bob.recipient}; this configuration has `,
      );
      const tried = new RegExp(
        `backup ${backupId} is encrypted with age, its manifest does not tell to whom`,
      );
      for (const [what, keys] of Object.entries<Keys>({
        'no key': { identities: [], encryptTo: [alice] },
        'the wrong key': { identities: [stranger], encryptTo: [alice] },
        'only the key that the database was rotated to': { identities: [stranger], encryptTo: [stranger] },
      })) {
        await configure(installation, database, keys);
        const worker = await start(['worker']);
        for (const [recorded, message] of [
          ['recipients', named],
          ['none', tried],
        ] as const) {
          await recordRecipients(manifestFile, recorded === 'none' ? [] : [alice, bob]);
          const complaint: Complaint = { code: 'IDENTITY_MISSING', message };
          for (const [how, here] of Object.entries(ways)) {
            await context.test(`${what}, ${how}, with ${recorded} in the manifest`, async () => {
              const created = postgres.uniqueName();
              const restore = (...args: string[]) => run('restore', backupId, '--to', ...args, ...here);
              assertComplaint(await restore(`shop/${created}`, '--create'), complaint);
              assert.deepEqual(
                await query(postgres.adminUrl, `select from pg_database where datname = '${created}'`),
                [],
              );
              assertComplaint(await restore(`shop/${kept}`, '--confirm', kept), complaint);
              assert.deepEqual(await contentOf(postgres.url(kept)), before);
              assertComplaint(await run('verify', backupId, ...here), complaint);
              assert.deepEqual(
                (await stored()).filter((key) => key.includes('.verified-')),
                [],
              );
            });
          }
        }
        await worker.stop();
      }
    }));

  it('is done once the key is there, though the manifest does not tell whose it is', () =>
    withInstallation(async (installation) => {
      const { postgres } = installation;
      const { backupId, database, manifestFile } = await encryptedBackup(installation);
      await recordRecipients(manifestFile, []);
      await configure(installation, database, { identities: [stranger, bob], encryptTo: [stranger] });
      const created = postgres.uniqueName();
      const args = ['restore', backupId, '--to', `shop/${created}`, '--create', '--here'];
      const restored = await runInProcess(installation, ...args);
      assert.equal(restored.code, 0, restored.stderr);
      assert.deepEqual(await contentOf(postgres.url(created)), await contentOf(postgres.url(database)));
    }));
});

describe('damage to an encrypted volume', () => {
  it('is never taken for a key that does not fit, and is caught by its hash before a restore', (context) =>
    withInstallation(async (installation) => {
      const seeded = createSeeded(chooseSeed());
      context.diagnostic(`TEST_SEED=${seeded.seed}`);
      const { postgres } = installation;
      const { backupId, database, dataFile } = await encryptedBackup(installation);
      await configure(installation, database, { identities: [bob], encryptTo: [alice] });
      const whole = await readFile(dataFile);
      assert.ok(whole.length > 512 * 1024, 'age sees the header long before the hash is known');
      const header = whole.indexOf('\n---');
      const flip = (limit: number): Damage => {
        const place = seeded.below(limit);
        return { place, byte: (whole[place] ?? 0) ^ (1 << seeded.below(7)), message: /\(decode\)/ };
      };
      const share = whole.indexOf('X25519 ', whole.indexOf('X25519 ') + 1) + 'X25519 '.length;
      const damages: Damage[] = [
        ...Array.from({ length: 10 }, () => flip(header)),
        ...Array.from({ length: 5 }, () => flip(whole.length)),
        // In bob's line of the header: age finds it in order, and no key that fits.
        { place: share, byte: whole[share] === 65 ? 66 : 65, message: /\.age in storage main .* its sha256/ },
      ];
      for (const { place, byte, message } of damages) {
        const damaged = Buffer.from(whole);
        damaged[place] = byte;
        await writeFile(dataFile, damaged);
        const verified = await runInProcess(installation, 'verify', backupId, '--here');
        assertComplaint(verified, { code: 'VERIFY_FAILED', message });
        await removeMarks(installation);
        const target = postgres.uniqueName();
        const args = ['restore', backupId, '--to', `shop/${target}`, '--create', '--here'];
        assertComplaint(await runInProcess(installation, ...args), {
          code: 'OBJECT_DAMAGED',
          message: /data\.dump\.zst\.age in storage main is damaged: its sha256/,
        });
        assert.deepEqual(
          await query(postgres.adminUrl, `select from pg_database where datname = '${target}'`),
          [],
        );
      }
      await writeFile(dataFile, whole);
      const verified = await runInProcess(installation, 'verify', backupId, '--here');
      assert.equal(verified.code, 0, verified.stderr);
    }));
});

interface Damage {
  place: number;
  byte: number;
  message: RegExp;
}

interface Keys {
  identities: readonly AgeKey[];
  encryptTo: readonly AgeKey[];
}

function configure(
  { postgres, configure: write }: Installation,
  database: string,
  { identities, encryptTo }: Keys,
): Promise<void> {
  const encryption = { type: 'age', recipients: encryptTo.map(({ recipient }) => recipient) };
  return write({
    databases: { shop: { engine: 'postgres', url: postgres.url(database), encryption } },
    identities: identities.map(({ identity }) => identity.reveal()),
    queue: { ...quickQueue, attempts: 1 },
  });
}

interface EncryptedBackup {
  backupId: string;
  database: string;
  manifestFile: string;
  dataFile: string;
}

/** To alice and bob; made by a process that has no key, and without a mark of a verification. */
async function encryptedBackup(installation: Installation): Promise<EncryptedBackup> {
  const { postgres, backups, run, start, stored } = installation;
  const database = await postgres.createDatabase();
  await query(
    postgres.url(database),
    'CREATE EXTENSION pgcrypto; CREATE TABLE noise AS SELECT i, gen_random_bytes(1024) AS bytes FROM generate_series(1, 1500) i',
  );
  await configure(installation, database, { identities: [], encryptTo: [alice, bob] });
  const worker = await start(['worker']);
  const made = await run('backup', 'shop', '--json');
  assert.equal(made.code, 0, made.stderr);
  const backupId = made.json<{ runs: { backupId: string }[] }>().runs[0]?.backupId ?? '';
  await untilVerified(installation);
  await worker.stop();
  await removeMarks(installation);
  const fileOf = async (end: string) =>
    join(backups, (await stored()).find((key) => key.endsWith(end)) ?? '');
  return {
    backupId,
    database,
    manifestFile: await fileOf(`${backupId}.json`),
    dataFile: await fileOf('data.dump.zst.age'),
  };
}

async function untilVerified({ stored }: Installation): Promise<void> {
  await until('the backup is verified', async () =>
    (await stored()).some((key) => key.includes('.verified-')),
  );
}

async function removeMarks({ backups, stored }: Installation): Promise<void> {
  const marks = (await stored()).filter((key) => key.includes('.verified-'));
  await Promise.all(marks.map((mark) => rm(join(backups, mark))));
}

/** As another writer might have sealed it. */
async function recordRecipients(manifestFile: string, keys: readonly AgeKey[]): Promise<void> {
  const manifest: Manifest = decodeManifest(await readFile(manifestFile), manifestFile);
  const params: Record<string, string> =
    keys.length === 0 ? {} : { recipients: keys.map(({ recipient }) => recipient).join(' ') };
  const codecs = manifest.codecs.map((codec) => (codec.name === 'age' ? { ...codec, params } : codec));
  await writeFile(manifestFile, encodeManifest({ ...manifest, codecs }));
}
