import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findRelations, selectEntries } from '../../../../../src/pipeline/engine/postgres/select-tables.ts';
import { parseToc } from '../../../../../src/pipeline/engine/postgres/toc.ts';

/** Each line: id, kind, schema, tag, then the ids that it depends on. */
const toc = parseToc(
  [
    ['8 SCHEMA - sales'],
    ['10 TYPE public mood', 8],
    ['11 FUNCTION public touch()'],
    ['12 SEQUENCE public ticket'],
    ['13 ACL public SEQUENCE ticket', 12],
    ['20 TABLE public a', 10, 12],
    ['21 SEQUENCE public a_id_seq', 20],
    ['22 SEQUENCE OWNED BY public a_id_seq', 21],
    ['23 DEFAULT public a id', 20, 21],
    ['24 COMMENT public TABLE a', 20],
    ['30 TABLE public a b'],
    ['31 TRIGGER public a b t', 30, 11],
    ['32 RULE public a b r', 30, 20],
    ['40 TABLE public borrower', 21],
    ['41 DEFAULT public borrower x', 40, 21],
    ['50 TABLE public parted'],
    ['51 TABLE public part', 50],
    ['52 TABLE ATTACH public part', 51, 50],
    ['53 INDEX public parted_i', 50],
    ['54 INDEX public part_i', 51, 53],
    ['55 INDEX ATTACH public part_i', 54, 53, 51, 50],
    ['60 TABLE DATA public a', 20],
    ['61 SEQUENCE SET public a_id_seq', 21],
    ['62 SEQUENCE SET public ticket', 12],
    ['70 CONSTRAINT public a a_pkey', 20],
    ['71 FK CONSTRAINT public a b a b_fkey', 30, 70, 20],
    ['72 FK CONSTRAINT public a a_self', 20, 70],
    ['80 PUBLICATION TABLE public p a', 20],
  ]
    .flatMap(([text, ...needs]) => {
      const [, id, rest] = /^(\d+) (.*)$/.exec(String(text)) ?? [];
      return [`${id}; 0 0 ${rest} me`, ...(needs.length > 0 ? [`;\tdepends on: ${needs.join(' ')}`] : [])];
    })
    .join('\n'),
  [],
);

function select(
  tables: readonly string[],
  existing: readonly number[] = [],
): { ids: number[]; notes: readonly string[] } {
  const { entries, notes } = selectEntries(toc, findRelations(toc, tables), (entry) =>
    existing.includes(entry.id),
  );
  return { ids: entries.map(({ id }) => id), notes };
}

describe('the entries that restoring single tables takes', () => {
  it('are the table, its parts, and what it needs, and nothing of other tables', () => {
    assert.deepEqual(select(['public.a']), {
      ids: [8, 10, 12, 13, 20, 21, 22, 23, 24, 60, 61, 62, 70, 72],
      notes: [],
    });
  });

  it('are without what the target has, and without what only that needs', () => {
    assert.deepEqual(select(['public.a'], [10, 12]).ids, [20, 21, 22, 23, 24, 60, 61, 70, 72]);
  });

  it('are those of the table with the longer name where one begins with the other', () => {
    const { ids, notes } = select(['public.a b'], [20]);
    assert.deepEqual(ids, [11, 30, 31, 32]);
    assert.deepEqual(notes, [
      'the foreign key public.a b a b_fkey was left out, because the table that it refers to was not restored',
    ]);
  });

  it('hold the foreign key between two of the tables', () => {
    assert.ok(select(['public.a', 'public.a b']).ids.includes(71));
  });

  it('hold a sequence that another table owns, but not that ownership', () => {
    assert.deepEqual(select(['public.borrower']).ids, [21, 40, 41, 61]);
  });

  it('hold the partitions and what attaches them', () => {
    assert.deepEqual(select(['public.parted']).ids, [50, 51, 52, 53, 54, 55]);
    assert.deepEqual(select(['public.part']).ids, [51, 54]);
  });

  it('cannot be chosen when one needs a table that is not there', () => {
    assert.throws(() => select(['public.a b']), {
      code: 'TABLE_NOT_FOUND',
      message: /public\.a b r needs public\.a,/,
    });
  });
});
