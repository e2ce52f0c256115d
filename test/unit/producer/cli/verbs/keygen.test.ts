import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { loadConfig } from '../../../../../src/shared/config/load.ts';
import { assertComplaint, assertJsonComplaint } from '../../../../support/complaint.ts';
import { withFolder } from '../../../../support/folder.ts';
import { runInProcess } from '../../../../support/in-process.ts';

const run = promisify(execFile);
const key =
  /^# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n# public key: (age1[a-z0-9]{58})\nAGE-SECRET-KEY-1[A-Z0-9]{58}\n$/;

describe('keygen', () => {
  it('writes a key file that age-keygen reads and a configuration takes, for its owner only', () =>
    withFolder(async (path) => {
      const file = join(path, 'shop.key');
      const made = await runInProcess({ path, env: {} }, 'keygen', '-o', file);
      assert.equal(made.code, 0, made.stderr);
      const text = await readFile(file, 'utf8');
      const [, recipient] = key.exec(text) ?? [];
      assert.equal(made.stdout, `${recipient}\n`, text);
      assert.match(
        made.stderr,
        /^Put this public key under encryption\.recipients\. Keep .* one copy elsewhere/,
      );
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.equal((await run('age-keygen', ['-y', file])).stdout, `${recipient}\n`);

      const config = {
        storages: { main: { type: 'local', path } },
        databases: {},
        identities: [`\${file:${file}}`],
      };
      await writeFile(join(path, 'backupdata.yaml'), JSON.stringify(config));
      const { identities } = await loadConfig({ file: undefined, env: {}, cwd: path });
      assert.deepEqual(
        identities.map((identity) => identity.reveal()),
        [text.split('\n')[2]],
      );
    }));

  it('prints the key file where none is named, and another key every time', () =>
    withFolder(async (path) => {
      const texts = await Promise.all([1, 2].map(() => runInProcess({ path, env: {} }, 'keygen')));
      for (const { code, stdout, stderr } of texts) {
        assert.deepEqual([code, stderr], [0, '']);
        assert.match(stdout, key);
      }
      assert.notEqual(texts[0]?.stdout, texts[1]?.stdout);
      assert.deepEqual(await readdir(path), []);
    }));

  it('gives the same as JSON, and the secret only where it is not in a file', () =>
    withFolder(async (path) => {
      const file = join(path, 'shop.key');
      const stored = await runInProcess({ path, env: {} }, 'keygen', '-o', file, '--json');
      assert.deepEqual(Object.keys(stored.json<object>()), ['recipient', 'file', 'createdAt']);
      assert.doesNotMatch(stored.stdout + stored.stderr, /AGE-SECRET/);
      const printed = (await runInProcess({ path, env: {} }, 'keygen', '--json')).json<{
        identity: string;
      }>();
      assert.match(printed.identity, /^AGE-SECRET-KEY-1/);
    }));

  it('never replaces a file, and says where it cannot write', () =>
    withFolder(async (path) => {
      const file = join(path, 'shop.key');
      await runInProcess({ path, env: {} }, 'keygen', '-o', file);
      const before = await readFile(file, 'utf8');
      const again = await runInProcess({ path, env: {} }, 'keygen', '-o', file);
      assertComplaint(again, { code: 'TARGET_EXISTS', message: /shop\.key exists already/ });
      assert.equal(again.code, 4);
      assert.equal(await readFile(file, 'utf8'), before);

      await mkdir(join(path, 'folder'));
      const onto = await runInProcess({ path, env: {} }, 'keygen', '-o', join(path, 'folder'));
      assertComplaint(onto, { code: 'TARGET_EXISTS', message: /exists already/ });
      const nowhere = await runInProcess(
        { path, env: {} },
        'keygen',
        '--json',
        '-o',
        join(path, 'no', 'key'),
      );
      assertJsonComplaint(nowhere, { code: 'USAGE', message: /could not be written \(ENOENT\)/ });
    }));
});
