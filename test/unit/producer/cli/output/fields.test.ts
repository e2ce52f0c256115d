import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderFields } from '../../../../../src/producer/cli/output/fields.ts';

describe('labels and values', () => {
  it('stand below each other, several values of one label too, and one without a value is left out', () => {
    const text = renderFields(
      [
        ['backup', 'shop-1'],
        ['notes', ['one', 'two']],
        ['pinned', []],
      ],
      80,
    );
    assert.deepEqual(text.split('\n'), ['backup  shop-1', 'notes   one', '        two']);
  });

  it('break a long value between words, and never within one', () => {
    const text = renderFields([['note', `a few words and ${'x'.repeat(20)} more`]], 16);
    assert.deepEqual(text.split('\n'), [
      'note  a few',
      '      words and',
      `      ${'x'.repeat(20)}`,
      '      more',
    ]);
  });
});
