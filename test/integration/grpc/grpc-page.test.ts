import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { followRpc, rpcs } from '../../../src/producer/api/grpc/proto.ts';
import { withApi } from '../../support/api.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const page = await readFile(join(root, 'docs', 'grpc.md'), 'utf8');

describe('docs/grpc.md', () => {
  it('names every rpc, and none that is not there', () => {
    const named = [
      ...page.matchAll(
        /`((?:List|Get|Run|Pin|Unpin|Stream|Preview|Pause|Resume|Cancel|Retry)[A-Z]\w+|Restore|Verify|Copy|Prune)`/g,
      ),
    ];
    const known = [...Object.values(rpcs), followRpc];
    assert.deepEqual([...new Set(named.map((match) => match[1]))].toSorted(), known.toSorted());
  });

  it('shows a program that works, by a client that the package exports', () =>
    withApi(async ({ grpc, tokens, installation }) => {
      const { exports: exported } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
      const built: string = exported['./client'].default;
      const source = join(root, built.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));
      await access(source);
      const [, program = ''] = /^```ts\n([\s\S]*?)^```$/m.exec(page) ?? [];
      const file = join(installation.path, 'program.ts');
      const lines = program
        .replace("'backupdata/client'", `'${pathToFileURL(source)}'`)
        .replace('localhost:50051', grpc);
      await writeFile(file, `const token = process.env.TOKEN;\n${lines}`);
      const env = { PATH: process.env.PATH, TOKEN: tokens.operator };
      const { stdout } = await promisify(execFile)(process.execPath, [file], { env });
      assert.match(stdout, /^completed /m);
    }));
});
