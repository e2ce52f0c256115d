import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertComplaint, assertJsonComplaint } from '../../../support/complaint.ts';
import { withFolder } from '../../../support/folder.ts';
import { runInProcess } from '../../../support/in-process.ts';

const cases: Record<string, { message: RegExp; page: RegExp }> = {
  frob: { message: /^error: unknown command or argument: frob$/, page: /`backupdata --help`/ },
  'jobs frob': { message: /unknown command or argument: frob$/, page: /`backupdata jobs --help`/ },
  'list shop more': { message: /unknown command or argument: more$/, page: /`backupdata list --help`/ },
  'list --bogus': { message: /unknown argument: bogus$/, page: /`backupdata list --help`/ },
  show: { message: /an argument is missing$/, page: /`backupdata show --help`/ },
  'restore shop': { message: /an option is missing: --to$/, page: /`backupdata restore --help`/ },
  'restore shop --to': { message: /a value is missing after --to$/, page: /`backupdata restore --help`/ },
  'verify shop --level x': {
    message: /--level takes "checksum", "decode", "restore", and not "x"$/,
    page: /`backupdata verify --help`/,
  },
  'restore shop --to one --to other': {
    message: /--to may be given only once$/,
    page: /`backupdata restore --help`/,
  },
  'list --config one.yaml --config other.yaml': {
    message: /--config may be given only once$/,
    page: /`backupdata list --help`/,
  },
};

describe('a command line that cannot be read', () => {
  for (const [line, { message, page }] of Object.entries(cases)) {
    it(`is refused in one sentence, with exit code 2: backupdata ${line}`, () =>
      withFolder(async (path) => {
        const result = await runInProcess({ path, env: {} }, ...line.split(' '));
        assertComplaint(result, { code: 'USAGE', message, hint: page });
      }));
  }

  it('is refused in JSON with --json', () =>
    withFolder(async (path) => {
      const result = await runInProcess({ path, env: {} }, 'restore', 'shop', '--json', '--to');
      const { retryable } = assertJsonComplaint(result, { code: 'USAGE', message: /missing after --to/ });
      assert.equal(retryable, false);
    }));
});
