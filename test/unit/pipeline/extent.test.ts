import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { extentOf } from '../../../src/pipeline/extent.ts';
import { sampleDatabase, samplePolicy } from '../../support/database.ts';

const none = { include: [], exclude: [], excludeData: [] };

describe('what a dump is of', () => {
  for (const [what, changes, extent] of [
    ['everything', {}, {}],
    ['chosen tables', { tables: { ...none, include: ['a'] } }, { extent: 'selection' }],
    ['tables but some', { tables: { ...none, exclude: ['a'] } }, { extent: 'selection' }],
    ['tables, some without rows', { tables: { ...none, excludeData: ['a'] } }, { extent: 'selection' }],
    ['chosen schemas', { schemas: { include: ['a'], exclude: [] } }, { extent: 'selection' }],
    ['definitions', { schemaOnly: true, tables: { ...none, exclude: ['a'] } }, { extent: 'schema' }],
  ] as const)
    it(`is said where it is not everything: ${what}`, () =>
      assert.deepEqual(extentOf(sampleDatabase(changes as Parameters<typeof sampleDatabase>[0])), extent));

  it('is everything where there is nothing to choose', () =>
    assert.deepEqual(extentOf({ ...samplePolicy(), engine: 'sqlite', path: '/app.db' }), {}));
});
