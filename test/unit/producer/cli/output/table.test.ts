import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Column, renderTable } from '../../../../../src/producer/cli/output/table.ts';
import { widthOf } from '../../../../../src/producer/cli/output/text.ts';
import { chooseSeed, createSeeded } from '../../../../support/seeded.ts';

interface Row {
  id: string;
  when: string;
  count: string;
  text: string;
}

const columns: [Column<Row>, ...Column<Row>[]] = [
  { title: 'id', cell: ({ id }) => id },
  { title: 'when', cell: ({ when }) => when, leaveOut: 1 },
  { title: 'count', cell: ({ count }) => count, align: 'right' },
  { title: 'text', cell: ({ text }) => text, shorten: true, leaveOut: 2 },
];

function row(changes: Partial<Row> = {}): Row {
  return { id: 'shop-1', when: '12:00', count: '7', text: 'all is well', ...changes };
}

describe('a table', () => {
  it('aligns its columns, numbers to the right, without spaces at the ends of lines', () => {
    const table = renderTable({
      columns,
      rows: [row(), row({ id: 'a', count: '12345', text: '' })],
      width: 80,
    });
    assert.deepEqual(table.split('\n'), [
      'ID      WHEN   COUNT  TEXT',
      'shop-1  12:00      7  all is well',
      'a       12:00  12345',
    ]);
  });

  it('shortens a text with an ellipsis before it leaves a column out', () => {
    const lines = renderTable({
      columns,
      rows: [row({ text: 'a text that is far too long' })],
      width: 40,
    }).split('\n');
    assert.deepEqual(lines, ['ID      WHEN   COUNT  TEXT', 'shop-1  12:00      7  a text that is fa…']);
  });

  it('leaves out the least important columns, one after the other', () => {
    const rows = [row({ text: 'a text that is far too long' })];
    assert.equal(renderTable({ columns, rows, width: 30 }).split('\n')[0], 'ID      WHEN   COUNT');
    assert.equal(renderTable({ columns, rows, width: 15 }).split('\n')[0], 'ID      COUNT');
  });

  it('gives a long id a line of its own and shows every other column again', () => {
    const id = `${'d'.repeat(63)}-20261122T124001Z-abc234`;
    assert.deepEqual(renderTable({ columns, rows: [row({ id })], width: 80 }).split('\n'), [
      'ID',
      '  WHEN   COUNT  TEXT',
      id,
      '  12:00      7  all is well',
    ]);
  });

  it('puts what would break or colour a line on one plain line', () => {
    const [, line] = renderTable({
      columns,
      rows: [row({ text: 'one\n\u001b[31mtwo\u202e' })],
      width: 80,
    }).split('\n');
    assert.equal(line, 'shop-1  12:00      7  one [31mtwo');
  });

  it('counts a wide character as two cells', () => {
    const rows = [row({ id: '店舗' }), row()];
    const [first, second] = renderTable({ columns, rows, width: 80 }).split('\n').slice(1);
    assert.equal(
      widthOf((first ?? '').split('12:00')[0] ?? ''),
      widthOf((second ?? '').split('12:00')[0] ?? ''),
    );
  });

  it('prints its titles alone when it has no rows', () => {
    assert.equal(renderTable({ columns, rows: [], width: 80 }), 'ID  WHEN  COUNT  TEXT');
  });

  it('is never wider than it may be, and never cuts an id, whatever it holds', (t) => {
    const random = createSeeded(chooseSeed());
    t.diagnostic(`TEST_SEED=${random.seed}`);
    const word = (most: number): string => 'x'.repeat(random.below(most));
    for (let round = 0; round < 300; round += 1) {
      const rows = Array.from({ length: 1 + random.below(5) }, () =>
        row({ id: `i${word(86)}`, when: word(21), count: word(9), text: word(200) }),
      );
      const width = 40 + random.below(80);
      const lines = renderTable({ columns, rows, width }).split('\n');
      for (const { id } of rows)
        assert.ok(
          lines.some((line) => line === id || line.startsWith(`${id} `)),
          id,
        );
      const tooWide = lines.filter((line) => widthOf(line) > width && !rows.some(({ id }) => line === id));
      assert.deepEqual(tooWide, [], `width ${width}`);
    }
  });
});
