import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { claimStorage } from '../../src/pipeline/catalog/installation.ts';
import { manifestKey, pinKey } from '../../src/pipeline/catalog/keys.ts';
import { prune } from '../../src/pipeline/prune.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import { keysIn, storeBackup } from '../support/catalog-objects.ts';
import { writeConfig } from '../support/config.ts';
import { withFolder } from '../support/folder.ts';
import { assertNothingBroken, daysAgo, pruneRequest } from '../support/retiring.ts';

const root = join(import.meta.dirname, '..', '..');
const signal = new AbortController().signal;

describe('docs/retention.md, "How to undo it"', () => {
  it('brings a retired backup back as it was, pinned, each command as it is written but for the id', () =>
    withFolder(async (path) => {
      const backups = join(path, 'backups');
      await writeConfig(path, { storages: { main: backups }, databases: { shop: {} } });
      const storage = await openStorage({ name: 'main', config: { type: 'local', path: backups } });
      await claimStorage({ storage, installation: 'default', shared: false, signal });
      const [newest, retired] = [daysAgo(0), daysAgo(1)];
      for (const backupId of [newest, retired]) await storeBackup(storage, { backupId });
      const [before, manifest] = [await keysIn(storage), await readFile(join(backups, manifestKey(retired)))];
      assert.deepEqual(await prune(pruneRequest(storage)), [retired]);

      const commands = (await undoCommands()).replace(/ BACKUP=\S+$/m, ` BACKUP=${retired}`);
      assert.ok(commands.includes(retired), commands);
      const command = `backupdata() { node '${join(root, 'src', 'main.ts')}' "$@"; }`;
      await promisify(execFile)('sh', ['-ec', `${command}\n${commands}`], {
        cwd: path,
      });
      assert.deepEqual(await keysIn(storage), [...before, pinKey(retired)].sort());
      assert.deepEqual(await readFile(join(backups, manifestKey(retired))), manifest);
      await assertNothingBroken(storage);
      assert.deepEqual(await prune(pruneRequest(storage)), []);
    }));
});

async function undoCommands(): Promise<string> {
  const page = await readFile(join(root, 'docs', 'retention.md'), 'utf8');
  const section = page.split(/^## /m).find((each) => each.startsWith('How to undo it\n')) ?? '';
  return /^```sh\n([\s\S]*?)^```$/m.exec(section)?.[1] ?? '';
}
