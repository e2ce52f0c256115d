import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { claimStorage } from '../../../../src/pipeline/catalog/installation.ts';
import { openStorage } from '../../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../../src/pipeline/storage/storage.ts';
import { checkStorage } from '../../../../src/producer/check/storage.ts';
import { widthOf } from '../../../../src/producer/cli/output/text.ts';
import { hasCode } from '../../../../src/shared/errors.ts';
import { type AgeKey, makeAgeKey } from '../../../support/age.ts';
import { storeBackup } from '../../../support/catalog-objects.ts';
import { writeConfig } from '../../../support/config.ts';
import { withFolder } from '../../../support/folder.ts';
import { runInProcess } from '../../../support/in-process.ts';

interface Checked {
  checks: { name: string; status: string; detail: string; hint: string | null }[];
}

const signal = new AbortController().signal;

function check(storage: Storage, { shared = false } = {}) {
  return checkStorage({ storage, installation: 'ours', shared, randomText: () => 'probe', signal });
}

describe('check of a storage', () => {
  it('names its fence and leaves nothing behind', () =>
    withFolder(async (path) => {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      const [finding] = await check(storage);
      assert.deepEqual(
        [finding?.status, finding?.detail],
        ['ok', 'writes, reads and removes; fence: conditional'],
      );
      assert.deepEqual(await readdir(path), []);
    }));

  it('finds a store that replaces what it was told not to replace, and removes its probe', () =>
    withFolder(async (path) => {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      const replacing: Storage = {
        ...storage,
        put: async (key, body, options) => {
          await storage.remove([key], signal);
          return storage.put(key, body, options);
        },
      };
      await assert.rejects(check(replacing), /replaced an object/);
      assert.deepEqual(await readdir(path), []);
    }));

  it('finds a store that gives back other bytes', () =>
    withFolder(async (path) => {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      const lying: Storage = {
        ...storage,
        get: async (key, options) =>
          key.startsWith('_check/') ? Readable.from([Buffer.from('other')]) : storage.get(key, options),
      };
      await assert.rejects(check(lying), (error) => hasCode(error, 'OBJECT_DAMAGED'));
    }));

  it('finds the storage of another installation, and leaves its mark as it is', () =>
    withFolder(async (path) => {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
      await claimStorage({ storage, installation: 'theirs', shared: false, signal });
      await assert.rejects(check(storage), (error) => hasCode(error, 'STORAGE_FOREIGN'));
      const [finding] = await check(storage, { shared: true });
      assert.match(finding?.detail ?? '', /of another installation/);
      assert.deepEqual(await readdir(path), ['backupdata.json']);
    }));
});

describe('check', () => {
  it('reports every thing although Redis, a storage and a database cannot be reached, within 80 columns but for paths', () =>
    withFolder(async (path) => {
      await writeFile(join(path, 'file'), '');
      await writeConfig(path, {
        storages: { main: join(path, 'main'), broken: join(path, 'file') },
        databases: { shop: {}, [`a${'-long'.repeat(12)}`]: { compression: { type: 'gzip' } } },
      });
      const env = { PATH: process.env.PATH ?? '', REDIS_URL: 'redis://:secret@127.0.0.1:1' };
      const { code, stdout } = await runInProcess({ path, env }, 'check', '--json');
      assert.equal(code, 5);
      const { checks } = JSON.parse(stdout) as Checked;
      const statuses = Object.fromEntries(checks.map(({ name, status }) => [name, status]));
      assert.deepEqual(statuses, {
        configuration: 'ok',
        redis: 'problem',
        'tool zstd': 'ok',
        'tool gzip': 'ok',
        'tool pg_dump': 'ok',
        'storage main': 'ok',
        'storage broken': 'problem',
        'database shop': 'problem',
        [`database a${'-long'.repeat(12)}`]: 'problem',
      });
      assert.ok(
        checks.every(({ status, hint }) => status === 'ok' || hint !== null),
        'a problem without a hint',
      );
      const text = await runInProcess({ path, env }, 'check');
      assert.deepEqual(
        text.stdout.split('\n').filter((line) => widthOf(line) > 80 && !line.includes(path)),
        [],
      );
      assert.match(text.stdout, /\nProblems: 4, warnings: 0\.\n$/);
      assert.doesNotMatch(stdout + text.stdout + text.stderr, /secret/);
    }));

  it('names age where a database encrypts, and says whether its backups could be restored here, either of which is well', () =>
    withFolder(async (path) => {
      const [alice, bob] = await Promise.all([makeAgeKey(), makeAgeKey()]);
      const encryption = { type: 'age', recipients: [alice.recipient, bob.recipient] };
      const detailOf = async (...identities: AgeKey[]) => {
        await writeConfig(path, {
          storages: { main: join(path, 'main') },
          databases: { shop: { encryption }, crm: {} },
          identities: identities.map(({ identity }) => identity.reveal()),
        });
        const env = { PATH: process.env.PATH ?? '', REDIS_URL: 'redis://127.0.0.1:1' };
        const { stdout } = await runInProcess({ path, env }, 'check', '--json');
        const { checks } = JSON.parse(stdout) as Checked;
        const age = checks.find(({ name }) => name === 'tool age');
        assert.match(`${age?.status} ${age?.detail}`, /^ok \d+\.\d+\S* \(\/.*age\)$/);
        const [finding, ...others] = checks.filter(({ name }) => name.startsWith('encryption of '));
        assert.deepEqual([finding?.name, finding?.status, others], ['encryption of shop', 'ok', []]);
        return finding?.detail;
      };
      const to = 'age, to 2 recipients; ';
      const stranger = await makeAgeKey();
      assert.equal(
        await detailOf(),
        `${to}without identities, this configuration backs up and cannot restore`,
      );
      assert.equal(
        await detailOf(stranger),
        `${to}no identity of this configuration opens its backups, so it cannot restore them`,
      );
      assert.equal(await detailOf(stranger, bob), `${to}an identity of this configuration opens its backups`);
    }));

  it('warns of a database whose newest backup is too old or missing, where its storage can be read', () =>
    withFolder(async (path) => {
      await writeFile(join(path, 'file'), '');
      await writeConfig(path, {
        storages: { main: join(path, 'main'), broken: join(path, 'file') },
        databases: {
          ...{ old: { maxAge: '26h' }, young: { maxAge: '26h' }, never: { schedule: '0 2 * * *' } },
          ...{ unlimited: {}, elsewhere: { maxAge: '26h', storage: 'broken' } },
        },
      });
      const storage = await openStorage({
        name: 'main',
        config: { type: 'local', path: join(path, 'main') },
      });
      const ageInHours = { old: 27, young: 25, unlimited: 10_000 };
      for (const [database, hours] of Object.entries(ageInHours))
        await storeBackup(storage, {
          backupId: `${database}-20260102T030405Z-abc234`,
          snapshotAt: new Date(Date.now() - hours * 3_600_000).toISOString(),
        });
      const env = { PATH: process.env.PATH ?? '', REDIS_URL: 'redis://127.0.0.1:1' };
      const { stdout } = await runInProcess({ path, env }, 'check', '--json');
      const { checks } = JSON.parse(stdout) as Checked;
      assert.deepEqual(
        checks
          .filter(({ name }) => name.startsWith('freshness of '))
          .map(({ name, status, detail }) => [name, status, detail]),
        [
          ['freshness of old', 'warning', 'the newest is 27h00m old, and maxAge is 26h00m'],
          ['freshness of never', 'warning', 'there is none'],
        ],
      );
    }));

  it('still looks at Redis when the configuration is wrong, and ends with the code of the first problem', () =>
    withFolder(async (path) => {
      await writeFile(join(path, 'backupdata.yaml'), 'databases: {}\n');
      const { code, stdout } = await runInProcess(
        { path, env: { REDIS_URL: 'redis://127.0.0.1:1' } },
        'check',
        '--json',
      );
      assert.equal(code, 2);
      const { checks } = JSON.parse(stdout) as Checked;
      assert.deepEqual(
        checks.map(({ name, status }) => `${name} ${status}`),
        ['configuration problem', 'redis problem'],
      );
    }));
});
