import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { assertComplaint } from '../../../../support/complaint.ts';
import { withFolder } from '../../../../support/folder.ts';
import { runInProcess } from '../../../../support/in-process.ts';
import { loadText } from '../../../shared/config/load-text.ts';

const create = (path: string, ...options: string[]) =>
  runInProcess({ path, env: {} }, 'token', 'create', ...options);

describe('token create', () => {
  it('prints a token, and a line that the configuration takes, with its hash', () =>
    withFolder(async (path) => {
      const { code, stdout } = await create(
        path,
        '--name',
        'ci',
        '--role',
        'operator',
        '--databases',
        'shop*',
      );
      assert.equal(code, 0);
      const [token = ''] = stdout.split('\n');
      assert.match(token, /^bkd_[\w-]{43}$/);
      const lines = stdout.slice(stdout.indexOf('auth:'));
      const written = { storages: { main: { type: 'local', path: 'b' } }, databases: {}, ...parse(lines) };
      const { auth } = await loadText(JSON.stringify(written), { env: {} });
      const sha256 = createHash('sha256').update(token).digest('hex');
      assert.deepEqual(auth.tokens, [{ name: 'ci', role: 'operator', sha256, databases: ['shop*'] }]);
      assert.ok(!lines.includes(token));
    }));

  it('prints another one each time, and as JSON', () =>
    withFolder(async (path) => {
      const tokens = new Set<string>();
      for (let count = 0; count < 3; count += 1) {
        const { stdout } = await create(path, '--name', 'ci', '--json');
        const { token, entry } = JSON.parse(stdout);
        assert.equal(entry.role, 'viewer');
        tokens.add(token);
      }
      assert.equal(tokens.size, 3);
    }));

  for (const [options, message] of [
    [['--name', 'No Name'], /^error: --name: not a valid name/],
    [['--name', 'ci', '--databases', 'a b'], /^error: --databases: not a pattern of names/],
    [[], /^error: an option is missing: --?name$/],
    [['--name', 'ci', '--role', 'root'], /^error: --role takes "viewer", "operator", "admin"/],
  ] as const) {
    it(`refuses ${JSON.stringify(options)} in one sentence`, () =>
      withFolder(async (path) => {
        const result = await create(path, ...options);
        assertComplaint(result, { code: 'USAGE', message });
      }));
  }
});
