import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type ConfigFiles, createConfigFiles } from '../../../../src/shared/config/files.ts';
import { urlOf } from '../../../support/database.ts';
import { withFolder } from '../../../support/folder.ts';
import { createWaits, type Waits } from '../../../support/waits.ts';
import { refusalOf, withDatabase } from './load-text.ts';

const look = 5_000;
const rest = 1_000;

interface Bench extends Waits {
  path: string;
  files: ConfigFiles;
  write(name: string, text: string): Promise<void>;
  /** Resolves once a change was told. */
  changed(): Promise<void>;
}

async function withFiles(
  use: (bench: Bench) => Promise<void>,
  options: { config?: string; env?: Record<string, string> } = {},
): Promise<void> {
  await withFolder(async (path) => {
    const { config: file, env = {} } = options;
    const waits = createWaits();
    const over = new AbortController();
    const files = createConfigFiles({ file, env, cwd: path });
    await use({
      ...waits,
      path,
      files,
      write: (name, text) => writeFile(join(path, name), text),
      changed: () => files.changed({ wait: waits.wait, signal: over.signal }),
    });
    over.abort();
  });
}

/** As an editor saves: another file under the same name. */
async function save({ path, write }: Bench, text: string): Promise<void> {
  await write('saved', text);
  await rename(join(path, 'saved'), join(path, 'backupdata.yaml'));
}

describe('the files of a configuration', () => {
  it('are told to have changed when another takes the place of one, and not before', () =>
    withFiles(async (bench) => {
      const { files, write, changed, pass } = bench;
      await write('backupdata.yaml', withDatabase());
      await files.load();
      const told = changed();
      await pass(look);
      await pass(look);
      await save(bench, `installation: other\n${withDatabase()}`);
      await pass(look);
      await pass(rest);
      await told;
      assert.equal((await files.load()).installation, 'other');
      const again = changed();
      await pass(look);
      await save(bench, withDatabase());
      await pass(look);
      await pass(rest);
      await again;
    }));

  it('are told once what is being written has rested, so that no half of it is loaded', () =>
    withFiles(async ({ files, write, changed, pass }) => {
      await write('backupdata.yaml', withDatabase());
      await files.load();
      const told = changed();
      for (const text of ['', 'storages: {', `installation: half\n${withDatabase()}`]) {
        await write('backupdata.yaml', text);
        await pass(text === '' ? look : rest);
      }
      await write('backupdata.yaml', `installation: whole\n${withDatabase()}`);
      await pass(rest);
      await pass(rest);
      await told;
      assert.equal((await files.load()).installation, 'whole');
    }));

  it('are told where one of the same size and time takes the place of another', () =>
    withFiles(async (bench) => {
      const { path, files, write, changed, pass } = bench;
      const at = new Date(1e12);
      const dated = async (name: string, text: string): Promise<void> => {
        await write(name, text);
        await utimes(join(path, name), at, at);
      };
      await dated('backupdata.yaml', `installation: one\n${withDatabase()}`);
      await files.load();
      const told = changed();
      await dated('other', `installation: two\n${withDatabase()}`);
      await rename(join(path, 'other'), join(path, 'backupdata.yaml'));
      await pass(look);
      await pass(rest);
      await told;
      assert.equal((await files.load()).installation, 'two');
    }));

  it('are looked at behind their links: of a folder that is mounted, the link to another version is swapped', () =>
    withFiles(
      async ({ path, files, write, changed, pass }) => {
        const version = async (name: string, installation: string): Promise<void> => {
          await mkdir(join(path, name));
          await write(`${name}/backupdata.yaml`, `installation: ${installation}\n${withDatabase()}`);
          await symlink(name, join(path, `..${name}`));
          await rename(join(path, `..${name}`), join(path, '..data'));
        };
        await version('v1', 'one');
        await symlink('..data/backupdata.yaml', join(path, 'linked.yaml'));
        assert.equal((await files.load()).installation, 'one');
        const told = changed();
        await version('v2', 'two');
        await pass(look);
        await pass(rest);
        await told;
        assert.equal((await files.load()).installation, 'two');
      },
      { config: 'linked.yaml' },
    ));

  it('are those that `${file:…}` names, too', () =>
    withFiles(async ({ files, write, changed, pass }) => {
      await write('address', 'postgres://u:old-password@h/d\n');
      await write('backupdata.yaml', withDatabase('', '"${file:address}"'));
      await files.load();
      const told = changed();
      await write('address', 'postgres://u:new-password@h/d\n');
      await pass(look);
      await pass(rest);
      await told;
      assert.equal(urlOf((await files.load()).databases.get('shop')), 'postgres://u:new-password@h/d');
    }));

  it('are looked at after a load that failed: by what that read, missing files among it', () =>
    withFiles(async ({ files, write, changed, pass }) => {
      await write('backupdata.yaml', withDatabase());
      await files.load();
      await write('backupdata.yaml', withDatabase('', '"${file:address}"'));
      await refusalOf(files.load());
      const told = changed();
      await pass(look);
      await write('address', 'postgres://u:new-password@h/d\n');
      await pass(look);
      await pass(rest);
      await told;
      assert.equal(urlOf((await files.load()).databases.get('shop')), 'postgres://u:new-password@h/d');
    }));

  it('do not give way to the environment while the one that was read is away', () =>
    withFiles(
      async ({ path, files, write, changed, pass }) => {
        await write('backupdata.yaml', withDatabase());
        await files.load();
        await rm(join(path, 'backupdata.yaml'));
        const refusal = await refusalOf(files.load());
        assert.match(refusal.message, /backupdata\.yaml: is not there/);
        assert.equal(refusal.hint, 'It was there when this process read it last; put it back.');
        const told = changed();
        await write('backupdata.yaml', `installation: back\n${withDatabase()}`);
        await pass(look);
        await pass(rest);
        await told;
        assert.equal((await files.load()).installation, 'back');
      },
      { env: { DATABASE_URL: 'postgres://u@h/d' } },
    ));

  it('are none where the environment alone was read, though a file comes later', () =>
    withFiles(
      async ({ files, write, changed, pass }) => {
        assert.equal((await files.load()).origin, 'environment');
        void changed().catch(() => undefined);
        await write('backupdata.yaml', withDatabase());
        await pass(look);
        await pass(look);
        assert.equal((await files.load()).origin, 'backupdata.yaml', 'who asks for it gets it');
      },
      { env: { DATABASE_URL: 'postgres://u@h/d' } },
    ));
});
