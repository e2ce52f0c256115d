import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  dumpArguments,
  notesOnSelection,
  refuseOptions,
} from '../../../../../src/pipeline/engine/postgres/dump-options.ts';
import { everything } from '../../../../../src/pipeline/engine/postgres/selection.ts';
import type { RelationRow } from '../../../../../src/pipeline/engine/postgres/selection-query.ts';
import { sampleDatabase } from '../../../../support/database.ts';

describe('the arguments of pg_dump', () => {
  it('are none for a whole database', () => {
    assert.deepEqual(dumpArguments(sampleDatabase(), everything), []);
    assert.deepEqual(notesOnSelection(sampleDatabase(), everything), []);
  });

  it('quote every name that is left out', () => {
    const selection = {
      ...everything,
      schemas: [{ oid: '1', name: 'a.b' }],
      relations: [relation('say "hi"')],
      withoutRows: [relation('*')],
    };
    assert.deepEqual(dumpArguments(sampleDatabase({ lockTimeout: 1_500 }), selection), [
      '--exclude-schema="a.b"',
      '--exclude-table="app"."say ""hi"""',
      '--exclude-table-data="app"."*"',
      '--lock-wait-timeout=1500',
    ]);
  });

  it('name no rows where none are dumped', () =>
    assert.deepEqual(
      dumpArguments(sampleDatabase({ schemaOnly: true }), { ...everything, withoutRows: [relation('log')] }),
      ['--schema-only'],
    ));

  it('are refused when no program could take them', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => relation(`a_name_of_usual_length_${index}`));
    assert.ok(dumpArguments(sampleDatabase(), { ...everything, relations: many.slice(0, 10_000) }).length);
    assert.throws(() => dumpArguments(sampleDatabase(), { ...everything, relations: many }), {
      code: 'CONFIG_INVALID',
      message: /20000 schemas and tables/,
    });
  });
});

describe('the notes of a selection', () => {
  it('name ten, and count the others', () => {
    const relations = Array.from({ length: 12 }, (_, index) => relation(`t${index}`));
    const [note = ''] = notesOnSelection(sampleDatabase(), { ...everything, relations });
    assert.match(note, /: app\.t0, .*app\.t9 and 2 more$/);
  });
});

describe('extraArguments', () => {
  for (const argument of [
    '--no-comments',
    '--no-tablespaces',
    '--load-via-partition-root',
    ...['--extra-float-digits=3', '--extra-float-digits=-15'],
  ])
    it(`may hold ${argument}`, () => refuseOptions(sampleDatabase({ extraArguments: [argument] })));

  for (const argument of [
    ...[
      '--file=/tmp/x',
      '-f/tmp/x',
      '--format=plain',
      '-Fp',
      '--dbname=other',
      '--host=h',
      'other',
      '--role=r',
    ],
    ...[
      '--snapshot=1',
      '--jobs=2',
      '--data-only',
      '--section=pre-data',
      '--table=x',
      '--enable-row-security',
    ],
    ...[
      '--no-unlogged-table-data',
      '--no-blobs',
      '--encoding=LATIN1',
      '--include-foreign-data=*',
      '--no-comm',
    ],
    ...['--extra-float-digits=4', '--extra-float-digits=-16'],
    ...['--extra-float-digits', '--no-comments=1', ' --no-comments', '--no-comments\n--file=x', ''],
  ])
    it(`may not hold ${JSON.stringify(argument)}`, () =>
      assert.throws(() => refuseOptions(sampleDatabase({ extraArguments: [argument] })), {
        code: 'CONFIG_INVALID',
      }));
});

function relation(name: string): RelationRow {
  return { oid: name, schema: 'app', name, hasRows: true, above: [] };
}
