import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createCommandEngine } from '../../../../../src/pipeline/engine/command/engine.ts';
import type { SourceOf } from '../../../../../src/shared/config/schema.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { databaseOf } from '../../../../support/engine-run.ts';
import { withFolder } from '../../../../support/folder.ts';
import { engineContext } from '../../../../support/postgres-backup.ts';

const token = 'canary-of-inspect';

describe('what the inspect program says', () => {
  it('is kept by its first line', async () => {
    assert.equal(await versionBy('echo; echo "v1 of it "; echo more'), 'v1 of it ');
    assert.equal(await versionBy('true'), 'unknown');
  });

  it('may name the database, which it is told', async () => {
    assert.equal(await versionBy('echo "of $BACKUPDATA_DATABASE"'), 'of shop');
  });

  it('is all that is waited for', () =>
    withFolder(async (folder) => {
      const pid = join(folder, 'pid');
      assert.equal(await versionBy(`sleep 1000 & echo $! > ${pid}; echo v2`), 'v2');
      process.kill(Number(await readFile(pid, 'utf8')));
    }));

  it('is kept without a secret of its environment, wherever the line is cut', async () => {
    assert.equal(await versionBy('echo "v1 at $TOKEN"'), 'v1 at [redacted]');
    for (let before = 200 - token.length; before <= 200; before += 1)
      assert.doesNotMatch(await versionBy(`printf "%${before}s" | tr " " x; echo "$TOKEN"`), /can/);
  });
});

async function versionBy(script: string): Promise<string> {
  const source: SourceOf<'command'> = {
    engine: 'command',
    dump: ['true'],
    inspect: ['sh', '-c', script],
    extension: 'bin',
    environment: { TOKEN: new Secret(token) },
  };
  const { engine } = await createCommandEngine().inspect(databaseOf(source), engineContext());
  return engine.serverVersion;
}
