import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { type AgeKey, makeAgeKey } from '../support/age.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { query, startPostgres } from '../support/postgres.ts';
import { contentOf, createSample } from '../support/postgres-sample.ts';
import {
  clientPrograms,
  commandsOf,
  connectionTo,
  openStockShell,
  type StockShell,
} from '../support/stock-shell.ts';

const [bob, other] = await Promise.all([makeAgeKey(), makeAgeKey()]);

describe('RESTORE.md, followed to the letter with stock tools alone', () => {
  for (const [what, { settings, decoder, key }] of Object.entries<Case>({
    'zstd, in several volumes, with counts': {
      settings: { volumeSize: '1MiB', verify: { counts: 'exact' } },
      decoder: ['zstd'],
    },
    gzip: { settings: { compression: { type: 'gzip' } }, decoder: ['gzip'] },
    'no codec': { settings: { compression: { type: 'none' } }, decoder: [] },
    'zstd and age, in several volumes': {
      settings: { volumeSize: '1MiB', encryption: encryptedTo(other, bob) },
      decoder: ['zstd', 'age'],
      key: bob,
    },
    'age alone': {
      settings: { compression: { type: 'none' }, encryption: encryptedTo(bob) },
      decoder: ['age'],
      key: bob,
    },
  })) {
    it(`shows and restores a backup, and stops at a flipped byte (${what})`, () =>
      withInstallation(async (installation) => {
        const source = await backedUpSample(installation, settings);
        const shell = await stockShell(installation, [...clientPrograms, ...decoder]);
        const [show = '', ...restore] = await commandsOf(shell.folder);
        if (settings.volumeSize)
          assert.ok(
            (await readdir(shell.folder)).some((name) => /^data\.dump\.zst(\.age)?\.0001$/.test(name)),
          );
        if (key) await bringKey(shell, show, key);

        const shown = await shell.run(show);
        assert.equal(shown.code, 0, shown.stderr);
        assert.match(
          shown.stdout,
          /CREATE TABLE sales\.orders[\s\S]*COPY public\.customers[\s\S]*customer 200/,
        );

        const server = await startPostgres();
        try {
          for (const command of restore) {
            const ended = await shell.run(command, connectionTo(server));
            assert.equal(ended.code, 0, `${command}\n${ended.stderr}`);
          }
          assert.deepEqual(await contentOf(server.url('restored')), await contentOf(source.url));
          const [settled] = await query<{ owner: string; path: string }>(
            server.url('restored'),
            "select pg_get_userbyid(datdba) as owner, current_setting('search_path') as path from pg_database where datname = current_database()",
          );
          assert.deepEqual(settled, { owner: source.owner, path: '"$user", sales, public' });
        } finally {
          await server.stop();
        }
        await assertDamageStops(shell, show);
      }));
  }
});

interface Case {
  settings: Record<string, unknown>;
  decoder: readonly string[];
  /** Whose secret key the reader has. */
  key?: AgeKey;
}

function encryptedTo(...keys: readonly AgeKey[]) {
  return { type: 'age', recipients: keys.map(({ recipient }) => recipient) };
}

/** First as identity.txt beside the files, then as the file that IDENTITY names; without either nothing is shown. */
async function bringKey(shell: StockShell, show: string, { identity, recipient }: AgeKey): Promise<void> {
  const text = await readFile(join(shell.folder, 'RESTORE.md'), 'utf8');
  assert.ok(text.includes(recipient) && text.includes('IDENTITY'), text);
  const without = await shell.run(show);
  assert.notEqual(without.code, 0);
  assert.equal(without.stdout, '');
  const beside = join(shell.folder, 'identity.txt');
  await writeFile(beside, `# a comment\n${identity.reveal()}\n`);
  const shown = await shell.run(show);
  assert.equal(shown.code, 0, shown.stderr);
  const elsewhere = join(shell.folder, '..', 'bob.key');
  await rename(beside, elsewhere);
  shell.env.IDENTITY = elsewhere;
}

async function backedUpSample(installation: Installation, settings: Record<string, unknown>) {
  const sample = await createSample(installation.postgres);
  await query(
    sample.url,
    'CREATE TABLE noise AS SELECT i, gen_random_bytes(1024) AS bytes FROM generate_series(1, 1500) i',
  );
  await installation.configure({ databases: { shop: { engine: 'postgres', url: sample.url, ...settings } } });
  await installation.start(['worker']);
  const made = await installation.run('backup', 'shop');
  assert.equal(made.code, 0, made.stderr);
  return sample;
}

async function stockShell(
  { path, backups, stored }: Installation,
  programs: readonly string[],
): Promise<StockShell> {
  const folder = join(path, 'downloaded');
  await mkdir(folder);
  for (const file of await stored()) {
    if (file.includes('/data/')) await copyFile(join(backups, file), join(folder, basename(file)));
  }
  return openStockShell({ folder, bin: join(path, 'bin'), programs });
}

/** One byte of each file, one after another: the first command fails, names the file and prints none of the dump. */
async function assertDamageStops(shell: StockShell, show: string): Promise<void> {
  const files = (await readdir(shell.folder)).filter((name) => name !== 'RESTORE.md');
  for (const name of files) {
    const file = join(shell.folder, name);
    const bytes = await readFile(file);
    const middle = bytes.length >> 1;
    const damaged = Buffer.from(bytes);
    damaged[middle] = (bytes[middle] ?? 0) ^ 0x20;
    await writeFile(file, damaged);
    const ended = await shell.run(show);
    assert.notEqual(ended.code, 0, name);
    assert.equal(ended.stdout, `${name}: FAILED\n`);
    await writeFile(file, bytes);
  }
  assert.equal((await shell.run(show)).code, 0);
}
