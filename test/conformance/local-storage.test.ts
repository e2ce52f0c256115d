import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import { withFolder } from '../support/folder.ts';
import { storageSuite } from './storage-suite.ts';

storageSuite({
  name: 'local',
  withSubject: (use) =>
    withFolder(async (folder) => {
      const root = join(folder, 'above', 'root');
      await mkdir(join(folder, 'above'));
      const storage = await openStorage({ name: 'main', config: { type: 'local', path: root } });
      const everything = async () => (await readdir(folder, { recursive: true })).toSorted();
      await use({
        storage,
        unfinished: async () => (await everything()).filter((name) => name.endsWith('.bkd-tmp')),
        outside: async () => (await everything()).filter((name) => !name.startsWith(join('above', 'root'))),
      });
    }),
});
