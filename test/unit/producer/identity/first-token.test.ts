import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { firstToken } from '../../../../src/producer/identity/first-token.ts';
import { findToken } from '../../../../src/producer/identity/tokens.ts';
import { withFolder } from '../../../support/folder.ts';

const make = (path: string) => firstToken({ dataDir: join(path, 'data'), randomBytes });

describe('the first token', () => {
  it('is an admin’s, is shown once, and only its hash is kept, for its user alone', () =>
    withFolder(async (path) => {
      const { config, made, keep } = await make(path);
      assert.ok(made !== null && findToken([config], made));
      assert.equal(config.role, 'admin');
      await keep();
      assert.deepEqual(await readdir(join(path, 'data')), ['first-token.json']);
      const file = join(path, 'data', 'first-token.json');
      assert.ok(!(await readFile(file, 'utf8')).includes(made));
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      const again = await make(path);
      assert.deepEqual([again.config, again.made], [config, null]);
    }));

  it('is another one at the next start where nobody was shown it', () =>
    withFolder(async (path) => {
      const { made } = await make(path);
      const next = await make(path);
      assert.ok(next.made !== null && next.made !== made);
    }));

  it('is another one where its file is not one of ours', () =>
    withFolder(async (path) => {
      const { config, keep } = await make(path);
      await keep();
      const file = join(path, 'data', 'first-token.json');
      for (const text of ['', '{}', '{"sha256":"short"}', 'null']) {
        await writeFile(file, text);
        const next = await make(path);
        assert.ok(next.made !== null, text);
        assert.notEqual(next.config.sha256, config.sha256);
      }
    }));
});
