import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { discover } from '../../../src/pipeline/discover.ts';
import { createTools } from '../../../src/pipeline/process/tools.ts';
import { newScratchName } from '../../../src/shared/ids.ts';
import { sampleDatabase } from '../../support/database.ts';

const context = {
  tools: createTools({ path: '', only: undefined, home: undefined }),
  connectTimeout: 1,
  signal: new AbortController().signal,
};

describe('what is found on a server', () => {
  it('is in the order of our names, without drills, and what no name can stand for is told apart', async () => {
    const drill = newScratchName(new Date());
    // Of "main." and three characters a byte: 40 bytes make 125 characters, 41 too many.
    const [fits, tooLong] = ['Ü'.repeat(20), `${'Ü'.repeat(20)}Z`];
    const found = await discoverAmong(['shop', drill, tooLong, 'Alpha', '..', fits]);
    assert.deepEqual(
      found.databases.map(({ name }) => name),
      ['main.shop', 'main.~41lpha', `main.${'~c3~9c'.repeat(20)}`],
    );
    assert.deepEqual(found.unnameable, [
      { name: tooLong, why: 'is too long to be stored' },
      { name: '..', why: 'stands for a folder in a URL' },
    ]);
    assert.deepEqual(found.missing, []);
  });

  it('lacks what is included by its very name and is not there, unless it is excluded', async () => {
    const patterns = { include: ['shop', 'SHOP', 'crm', 'old', 'none*', '..'], exclude: ['o*'] };
    const found = await discoverAmong(['shop', 'lab', '..'], patterns);
    assert.deepEqual(found.missing, ['SHOP', 'crm']);
    assert.deepEqual(
      found.databases.map(({ name }) => name),
      ['main.shop'],
    );
  });

  it('cannot be told by an engine that has no list of databases', async () => {
    await assert.rejects(
      discover({
        server: { template: sampleDatabase({ name: 'main' }), include: [], exclude: [] },
        engine: { name: 'mysql' },
        context,
      }),
      { code: 'CONFIG_INVALID', message: /a server of mysql cannot be asked/ },
    );
  });
});

function discoverAmong(names: readonly string[], patterns: { include?: string[]; exclude?: string[] } = {}) {
  return discover({
    server: { template: sampleDatabase({ name: 'main' }), include: [], exclude: [], ...patterns },
    engine: { name: 'postgres', databases: async () => names },
    context,
  });
}
