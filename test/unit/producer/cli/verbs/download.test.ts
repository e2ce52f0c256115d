import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openStorage } from '../../../../../src/pipeline/storage/open.ts';
import type { Manifest } from '../../../../../src/shared/manifest.ts';
import { assertComplaint, assertJsonComplaint } from '../../../../support/complaint.ts';
import { writeConfig } from '../../../../support/config.ts';
import { withFolder } from '../../../../support/folder.ts';
import { runInProcess } from '../../../../support/in-process.ts';
import type { CommandResult } from '../../../../support/installation.ts';
import { chooseSeed, createSeeded } from '../../../../support/seeded.ts';
import { storeBackup } from '../../../../support/stored-backup.ts';

const flips = 100;
const contents = {
  // Half of it is noise, so that zstd has something to do and several volumes are needed.
  'data.dump': Buffer.concat([randomBytes(700_000), Buffer.alloc(700_000, 'pattern')]),
  'globals.sql': Buffer.from('CREATE ROLE nobody;\n'),
  'RESTORE.md': Buffer.from('# Restore\n'),
};

interface Place {
  /** Outputs go here. */
  path: string;
  manifest: Manifest;
  /** The stored file of a volume. */
  file: (name: string) => string;
  run: Run & { onTerminal: Run };
}

type Run = (...argv: string[]) => Promise<CommandResult>;

function withBackup(use: (place: Place) => Promise<void>): Promise<void> {
  return withFolder((folder) =>
    withFolder(async (path) => {
      const root = join(folder, 'main');
      await writeConfig(folder, { storages: { main: root }, databases: { shop: {} } });
      const storage = await openStorage({ name: 'main', config: { type: 'local', path: root } });
      const manifest = await storeBackup(storage, { contents, volumeSize: 300_000 });
      const { backupId, attemptId } = manifest;
      const env = { PATH: process.env.PATH ?? '' };
      const run =
        (isTTY: boolean): Run =>
        (...argv) =>
          runInProcess({ path: folder, env, isTTY }, 'download', ...argv);
      await use({
        path,
        manifest,
        file: (name) => join(root, 'shop', 'data', backupId, attemptId, name),
        run: Object.assign(run(false), { onTerminal: run(true) }),
      });
    }),
  );
}

interface Document {
  backupId: string;
  files: { path: string; bytes: number; sha256: string }[];
  decoded: boolean;
}

const names = ['data.dump.zst', 'data.dump.zst.0001', 'data.dump.zst.0002', 'globals.sql.zst', 'RESTORE.md'];
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('download of all parts', () => {
  it('keeps every volume as its own file, with its stored name and bytes', () =>
    withBackup(async ({ path, manifest, file, run }) => {
      const out = join(path, 'out');
      const { code, stderr, json } = await run('shop', '-o', out, '--here', '--json');
      assert.equal(code, 0, stderr);
      assert.deepEqual((await readdir(out)).sort(), [...names].sort());
      for (const name of names) assert.deepEqual(await readFile(join(out, name)), await readFile(file(name)));
      const { files, ...rest } = json<Document>();
      assert.deepEqual(rest, { backupId: manifest.backupId, decoded: false });
      const volumes = manifest.parts.flatMap((part) => part.volumes);
      assert.deepEqual(
        files,
        volumes.map(({ bytes, sha256: hash }, index) => ({
          path: join(out, names[index] ?? ''),
          bytes,
          sha256: hash,
        })),
      );
    }));

  it('with --decode writes each part as it was dumped, by its name', () =>
    withBackup(async ({ path, run }) => {
      const out = join(path, 'out');
      const { code, stderr, json } = await run('shop', '--decode', '-o', out, '--json');
      assert.equal(code, 0, stderr);
      for (const [name, content] of Object.entries(contents))
        assert.deepEqual(await readFile(join(out, name)), content);
      assert.deepEqual(
        json<Document>().files,
        Object.entries(contents).map(([name, content]) => ({
          path: join(out, name),
          bytes: content.length,
          sha256: sha256(content),
        })),
      );
      assert.equal(json<Document>().decoded, true);
    }));

  it('tells people what is where, and its progress apart from that', () =>
    withBackup(async ({ path, manifest, run }) => {
      const out = join(path, 'out');
      const { stdout, stderr } = await run('shop', '-o', out);
      assert.match(stdout, new RegExp(`^${manifest.backupId}  5 files  [\\d.]+ KiB  ${out}\n$`));
      assert.equal(stderr, `${manifest.backupId}: download\n`);
    }));

  it('goes into a folder that is there, and refuses one that holds such a file, and leaves that as it is', () =>
    withBackup(async ({ path, run }) => {
      const out = join(path, 'out');
      await mkdir(out);
      await writeFile(join(out, 'RESTORE.md'), 'mine');
      for (const argv of [[], ['--decode']]) {
        assertComplaint(await run('shop', ...argv, '-o', out), {
          code: 'TARGET_EXISTS',
          message: /out\/RESTORE\.md exists already/,
        });
      }
      assert.deepEqual(await readdir(out), ['RESTORE.md']);
      assert.equal(await readFile(join(out, 'RESTORE.md'), 'utf8'), 'mine');
    }));
});

describe('download of one part', () => {
  it('joins its volumes, or decodes them, into the file that is named', () =>
    withBackup(async ({ path, file, run }) => {
      const [raw, decoded] = [join(path, 'raw'), join(path, 'decoded')];
      assert.equal((await run('shop', '--part', 'data.dump', '-o', raw)).code, 0);
      const volumes = await Promise.all(names.slice(0, 3).map((name) => readFile(file(name))));
      assert.deepEqual(await readFile(raw), Buffer.concat(volumes));
      const { code, stderr } = await run('shop', '--part', 'data.dump', '--decode', '-o', decoded);
      assert.equal(code, 0, stderr);
      assert.deepEqual(await readFile(decoded), contents['data.dump']);
    }));

  it('gives stdout nothing but its bytes, also with --json', () =>
    withBackup(async ({ run }) => {
      for (const argv of [[], ['--json']]) {
        const { code, stdout, stderr } = await run('shop', '--part', 'RESTORE.md', '-o', '-', ...argv);
        assert.equal(code, 0, stderr);
        assert.equal(stdout, '# Restore\n');
      }
    }));

  it('refuses a part that is not there, and names those that are', () =>
    withBackup(async ({ path, run }) => {
      for (const part of ['gone', 'data.dump.zst', '__proto__', '']) {
        assertComplaint(await run('shop', `--part=${part}`, '-o', join(path, 'out')), {
          code: 'OBJECT_NOT_FOUND',
          message: /backup shop-\S+ has no part/,
          hint: /It has data\.dump, globals\.sql, RESTORE\.md\./,
        });
      }
      assert.deepEqual(await readdir(path), []);
    }));

  it('refuses stdout for several parts, and an output that is not named', () =>
    withBackup(async ({ run }) => {
      assertComplaint(await run('shop', '-o', '-'), { code: 'USAGE', message: /only one part/ });
      assertComplaint(await run('shop'), { code: 'USAGE', message: /an option is missing: --output/ });
    }));
});

describe('download to a terminal', () => {
  it('is refused for what is binary, before anything is printed', () =>
    withBackup(async ({ run }) => {
      for (const [part, decode, refused] of [
        ['data.dump', false, true],
        ['data.dump', true, true],
        ['globals.sql', false, true],
        ['globals.sql', true, false],
        ['RESTORE.md', false, false],
      ] as const) {
        const argv = ['shop', '--part', part, ...(decode ? ['--decode'] : []), '-o', '-'];
        const result = await run.onTerminal(...argv);
        if (refused)
          assertComplaint(result, { code: 'USAGE', message: /is binary, and stdout is a terminal/ });
        else assert.equal(result.stdout, contents[part].toString());
      }
    }));
});

describe('download to a place that cannot be', () => {
  it('says why in one sentence, and leaves nothing', () =>
    withBackup(async ({ path, run }) => {
      await writeFile(join(path, 'file'), 'mine');
      await mkdir(join(path, 'folder'));
      const long = 'n'.repeat(300);
      for (const [argv, code, message] of [
        [['-o', join(path, 'file')], 'TARGET_EXISTS', /file is a file, and all parts go into a folder/],
        [['-o', join(path, 'gone', 'out')], 'USAGE', /the folder above .*gone\/out does not exist/],
        [['-o', join(path, 'file', 'out')], 'USAGE', /above .*file\/out is no folder/],
        [['-o', join(path, long)], 'USAGE', /too long/],
        [['-o', '/proc/out'], 'USAGE', /\/proc\/out/],
        [['--part', 'data.dump', '-o', join(path, 'file')], 'TARGET_EXISTS', /file exists already/],
        [['--part', 'data.dump', '-o', join(path, 'folder')], 'TARGET_EXISTS', /folder is a folder/],
        [
          ['--part', 'data.dump', '-o', join(path, 'gone', 'f')],
          'USAGE',
          /the folder above .* does not exist/,
        ],
        [['--part', 'data.dump', '-o', join(path, 'file', 'f')], 'USAGE', /above .* is no folder/],
        [['--part', 'data.dump', '-o', join(path, long)], 'USAGE', /too long/],
      ] as const) {
        assertComplaint(await run('shop', ...argv), { code, message });
      }
      assert.deepEqual(await readdir(path), ['file', 'folder']);
      assert.equal(await readFile(join(path, 'file'), 'utf8'), 'mine');
      assert.deepEqual(await readdir(join(path, 'folder')), []);
    }));
});

describe('download of damaged bytes', () => {
  it('ends with an error that names the volume, and leaves no file, whichever bit flipped', (context) =>
    withBackup(async ({ path, file, run }) => {
      const seeded = createSeeded(chooseSeed());
      context.diagnostic(`TEST_SEED=${seeded.seed}`);
      const out = join(path, 'out');
      for (let flip = 0; flip < flips; flip += 1) {
        const name = names[seeded.below(names.length)] ?? '';
        const whole = await readFile(file(name));
        const [offset, bit] = [seeded.below(whole.length), seeded.below(8)];
        await writeFile(file(name), whole.with(offset, (whole[offset] ?? 0) ^ (1 << bit)));
        const message = new RegExp(`${name.replaceAll('.', '\\.')} in storage main is damaged: its sha256`);
        // The decoders trip over most of them first; what is told is the damage all the same.
        const argv = flip % 2 === 0 ? [] : ['--decode'];
        assertComplaint(await run('shop', ...argv, '-o', out), { code: 'OBJECT_DAMAGED', message });
        assert.deepEqual(await readdir(path), [], `bit ${bit} of byte ${offset} of ${name}`);
        await writeFile(file(name), whole);
      }
      assert.equal((await run('shop', '-o', out)).code, 0, 'as it was, it is whole');
    }));

  it('holds the end back from stdout', () =>
    withBackup(async ({ file, run }) => {
      const whole = await readFile(file('globals.sql.zst'));
      await writeFile(file('globals.sql.zst'), whole.with(-1 + whole.length, (whole.at(-1) ?? 0) ^ 1));
      for (const argv of [[], ['--decode']]) {
        const result = await run('shop', '--part', 'globals.sql', ...argv, '-o', '-', '--json');
        assert.equal(result.stdout, '');
        assertJsonComplaint(result, { code: 'OBJECT_DAMAGED', message: /globals\.sql\.zst/ });
      }
    }));
});
