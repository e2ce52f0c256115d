import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { statusOf } from '../../../src/producer/api/http/problem.ts';
import { openApi } from '../../../src/producer/api/rest/openapi.ts';
import { errorCodes } from '../../../src/shared/errors.ts';
import { type Api, withApi } from '../../support/api.ts';
import { operationsOf, parseDocument } from '../../support/api-document.ts';

const page = await readFile(join(import.meta.dirname, '../../../docs/api.md'), 'utf8');

describe('docs/api.md', () => {
  it('has commands that work as they are written, and give the answers that it shows', () =>
    withApi(async (api) => {
      const blocks = blocksOf(page);
      const outputs = await runAll(api, blocks);
      for (const [index, { answer }] of blocks.entries())
        if (answer !== undefined) assert.deepEqual(JSON.parse(outputs[index] ?? ''), JSON.parse(answer));
      const everything = outputs.join('\n');
      assert.equal(everything.match(/^event: completed$/gm)?.length, 4, everything);
      assert.doesNotMatch(everything, /^event: failed$/m);
      const once = blocks.findIndex(({ commands }) => commands.includes('Idempotency-Key'));
      assert.match(outputs[once] ?? '', /^(\{"jobId":[^{}]*\})\1$/, 'the same answer twice');
    }));

  it('names every request of the document, and the role that it takes', () => {
    const rows = [...page.matchAll(/^\| `([A-Z]+ \/\S+)` \| (\w+) \|/gm)];
    const documented = operationsOf(parseDocument(openApi('0'))).map(
      ({ method, path, description }) => `${method} ${path} ${/the role (\w+)/.exec(description)?.[1]}`,
    );
    assert.deepEqual(rows.map(([, request, role]) => `${request} ${role}`).toSorted(), documented.toSorted());
  });

  it('names codes with the status that they are answered with', () => {
    const rows = [...page.matchAll(/^\| (\d{3}) \|.*\| (.*) \|$/gm)];
    const named = rows.flatMap(([, status, codes = '']) =>
      [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => `${code} ${status}`),
    );
    assert.ok(named.length > 10, String(named));
    const known = errorCodes.map((code) => `${code} ${statusOf(code)}`);
    assert.deepEqual(
      named.filter((each) => !known.includes(each)),
      [],
    );
  });
});

interface Block {
  commands: string;
  /** The JSON that follows it. */
  answer: string | undefined;
}

function blocksOf(markdown: string): Block[] {
  const found = markdown.matchAll(/^```sh\n([\s\S]*?)^```\n(?:```json\n([\s\S]*?)^```\n)?/gm);
  return [...found].map(([, commands = '', answer]) => ({ commands, answer }));
}

/** What each of them writes. They are one script: later ones use what earlier ones have set. */
async function runAll({ http, tokens, installation }: Api, blocks: readonly Block[]): Promise<string[]> {
  const end = '--- end of a block ---';
  const script = blocks.map(({ commands }) => `${commands}\necho; echo '${end}'\n`).join('');
  // Databases of all tests are on one server.
  const commands = script
    .replaceAll('http://127.0.0.1:8080', http)
    .replaceAll('shop_copy', `shop_copy_${process.pid}`);
  const env = { PATH: process.env.PATH, HOME: installation.path, BACKUPDATA_TOKEN: tokens.admin };
  const options = { cwd: installation.path, env, timeout: 90_000 };
  const { stdout } = await promisify(execFile)('sh', ['-euc', commands], options);
  return stdout.split(`\n${end}\n`).map((output) => output.trim());
}
