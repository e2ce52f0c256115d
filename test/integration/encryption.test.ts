import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeAgeKey } from '../support/age.ts';
import { assertComplaint, type Complaint } from '../support/complaint.ts';
import { withFleet } from '../support/fleet.ts';
import { runInProcess } from '../support/in-process.ts';
import { type Installation, quickQueue, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { contentOf, createSample } from '../support/postgres-sample.ts';
import { until } from '../support/until.ts';

const [alice, bob] = await Promise.all([makeAgeKey(), makeAgeKey()]);
const backupsEntry = /^shop\/data\/.*\.age$/;

describe('an encrypted database', () => {
  it('is backed up by a worker without a key, and restored by one that has it', () =>
    withInstallation(async (installation) => {
      const { postgres, run, start, stored } = installation;
      const sample = await createSample(postgres);
      const shop = { engine: 'postgres', url: sample.url, encryption: encryptedTo(alice.recipient) };
      await installation.configure({ databases: { shop } });
      const worker = await start(['worker']);
      const backupId = await backUp(installation);
      assert.deepEqual(
        (await stored()).filter((key) => key.includes('/data/')).map((key) => key.split('/').at(-1)),
        ['RESTORE.md', 'data.dump.zst.age', 'globals.sql.zst.age'],
      );
      await assertManifestNames(installation, backupId, [alice.recipient]);
      await assertNothingInClear(installation, 'customer 200');

      // Without a key: what follows the commit proves what it can, and the pruning that follows that is still enqueued.
      await until(
        'the backup is verified',
        async () => (await badgeOf(installation, backupId)) === 'checksum',
      );
      await withFleet(installation, ({ redis }) =>
        until('the pruning was enqueued', async () => {
          const job = `${installation.prefix}:maintenance:prune-${backupId}`;
          return (await redis.exists(job)) === 1;
        }),
      );
      const marks = await marksOf(installation);
      assert.equal(marks.length, 1);
      const lacking: Complaint = {
        code: 'IDENTITY_MISSING',
        message: new RegExp(
          `backup ${backupId} is encrypted to ${alice.recipient}; this configuration has no identities`,
        ),
        hint: /`identities` in the configuration/,
      };
      assertComplaint(await run('verify', backupId), lacking);
      assertComplaint(await run('verify', backupId, '--here'), lacking);
      assert.deepEqual(await marksOf(installation), marks, 'nothing is recorded of what was not tried');
      for (const words of [
        ['list'],
        ['show', backupId],
        ['verify', backupId, '--level', 'checksum'],
        ['verify', backupId, '--level', 'checksum', '--here'],
      ]) {
        const { code, stderr } = await runInProcess(installation, ...words);
        assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
      }
      await worker.stop();

      await installation.configure({ databases: { shop }, identities: [alice.identity.reveal()] });
      await start(['worker']);
      for (const here of [[], ['--here']]) {
        const copy = postgres.uniqueName();
        const restored = await run('restore', backupId, '--to', `shop/${copy}`, '--create', ...here);
        assert.equal(restored.code, 0, restored.stderr);
        assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(sample.url));
        const verified = await run('verify', backupId, ...here);
        assert.equal(verified.code, 0, verified.stderr);
      }
      assert.equal(await badgeOf(installation, backupId), 'decoded');
    }));

  it('is restored by each of two identities alone, and one that is added opens new backups only', () =>
    withInstallation(async (installation) => {
      const { postgres, start } = installation;
      const database = await filledDatabase(installation);
      const configure = (recipients: string[], identities: string[] = []) =>
        installation.configure({
          databases: {
            shop: { engine: 'postgres', url: postgres.url(database), encryption: encryptedTo(...recipients) },
          },
          identities,
        });
      await configure([alice.recipient]);
      const before = await start(['worker']);
      const toOne = await backUp(installation);
      await before.stop();
      await configure([alice.recipient, bob.recipient]);
      const after = await start(['worker']);
      const toTwo = await backUp(installation);
      await after.stop();
      await assertManifestNames(installation, toOne, [alice.recipient]);
      await assertManifestNames(installation, toTwo, [alice.recipient, bob.recipient]);

      const restores = async (backupId: string, ...identities: string[]) => {
        await configure([alice.recipient, bob.recipient], identities);
        const target = postgres.uniqueName();
        const args = ['restore', backupId, '--to', `shop/${target}`, '--create', '--here'];
        const result = await runInProcess(installation, ...args);
        if (result.code === 0)
          assert.deepEqual(await contentOf(postgres.url(target)), await contentOf(postgres.url(database)));
        return result;
      };
      for (const { identity } of [alice, bob])
        assert.equal((await restores(toTwo, identity.reveal())).code, 0);
      assert.equal((await restores(toOne, bob.identity.reveal(), alice.identity.reveal())).code, 0);
      assertComplaint(await restores(toOne, bob.identity.reveal()), {
        code: 'IDENTITY_MISSING',
        message: new RegExp(
          `encrypted to ${alice.recipient}; this configuration has one identity, which is not`,
        ),
      });
    }));

  it('may be compressed by gzip or by nothing, in many volumes, and defaults to what all databases do', () =>
    withInstallation(async (installation) => {
      const { postgres, run, start, stored } = installation;
      const database = await filledDatabase(installation);
      await query(
        postgres.url(database),
        'CREATE TABLE noise AS SELECT i, md5(random()::text) || md5(random()::text) AS text FROM generate_series(1, 40000) i',
      );
      const settings = { engine: 'postgres', url: postgres.url(database), volumeSize: '1MiB' };
      await installation.configure({
        databases: {
          zipped: { ...settings, compression: { type: 'gzip' } },
          bare: { ...settings, compression: { type: 'none' } },
        },
        defaults: { encryption: encryptedTo(alice.recipient) },
        identities: [alice.identity.reveal()],
        queue: quickQueue,
      });
      await start(['worker']);
      for (const [name, last] of [
        ['zipped', 'data.dump.gz.age.0001'],
        ['bare', 'data.dump.age.0001'],
      ] as const) {
        const made = await run('backup', name);
        assert.equal(made.code, 0, made.stderr);
        assert.ok((await stored()).some((key) => key.startsWith(name) && key.endsWith(last)));
        const copy = postgres.uniqueName();
        const restored = await run('restore', name, '--to', `${name}/${copy}`, '--create');
        assert.equal(restored.code, 0, restored.stderr);
        assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(postgres.url(database)));
      }
    }));
});

function encryptedTo(...recipients: string[]) {
  return { type: 'age', recipients };
}

async function filledDatabase({ postgres }: Installation): Promise<string> {
  const database = await postgres.createDatabase();
  await query(
    postgres.url(database),
    'CREATE TABLE item AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 5000) i',
  );
  return database;
}

async function backUp({ run }: Installation): Promise<string> {
  const made = await run('backup', 'shop', '--json');
  assert.equal(made.code, 0, made.stderr);
  return made.json<{ runs: { backupId: string }[] }>().runs[0]?.backupId ?? '';
}

/** Those of the configuration, and not the one that the attempt made for itself. */
async function assertManifestNames(
  { backups }: Installation,
  backupId: string,
  recipients: readonly string[],
): Promise<void> {
  const text = await readFile(join(backups, 'shop/catalog', `${backupId}.json`), 'utf8');
  const { codecs } = JSON.parse(text);
  assert.deepEqual(codecs, [
    { name: 'zstd', params: { level: 1 } },
    { name: 'age', params: { recipients: recipients.join(' ') } },
  ]);
  assert.deepEqual(new Set(text.match(/age1[a-z0-9]+/g)), new Set(recipients));
}

async function assertNothingInClear({ backups, stored }: Installation, row: string): Promise<void> {
  for (const key of (await stored()).filter((each) => backupsEntry.test(each))) {
    const bytes = await readFile(join(backups, key));
    assert.ok(bytes.subarray(0, 22).equals(Buffer.from('age-encryption.org/v1\n')), key);
    assert.ok(!bytes.includes(row) && !bytes.includes('PGDMP'), key);
  }
}

async function badgeOf(installation: Installation, backupId: string): Promise<string | undefined> {
  const { backups } = (await runInProcess(installation, 'list', '--json')).json<{
    backups: { backupId: string; verification: string }[];
  }>();
  return backups.find((each) => each.backupId === backupId)?.verification;
}

async function marksOf({ stored }: Installation): Promise<string[]> {
  return (await stored()).filter((key) => key.includes('.verified-'));
}
