import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseToc } from '../../../../../src/pipeline/engine/postgres/toc.ts';

const listing = [
  '; Selected TOC Entries:',
  ';',
  '3550; 0 0 ENCODING - ENCODING ',
  '8; 2615 16387 SCHEMA - my schema my owner',
  '3; 3079 16425 EXTENSION - citext ',
  '3557; 0 0 COMMENT - EXTENSION citext ',
  ';\tdepends on: 3',
  '322; 1255 16544 FUNCTION public f(public.mood, integer[]) admin',
  '220; 1259 16546 TABLE my schema my table my owner',
  ';\tdepends on: 218 940 937 3 3 8 3 8',
  '3539; 0 16546 TABLE DATA my schema my table my owner',
  ';\tdepends on: 220',
  '3388; 2606 16564 FK CONSTRAINT sales orders orders_customer_fkey admin',
  ';\tdepends on: 222 3379 220',
  '3544; 0 16588 MATERIALIZED VIEW DATA public mv admin',
  '3558; 0 0 ACL public COLUMN customers.name admin',
  '3535; 0 16557 ROW SECURITY sales orders admin',
].join('\n');

describe('the table of contents of an archive', () => {
  const entries = parseToc(listing, ['my owner']);

  it('gives kind, schema, name and owner of every entry', () => {
    assert.deepEqual(
      entries.map(({ id, desc, schema, tag, owner }) => [id, desc, schema, tag, owner]),
      [
        [3550, 'ENCODING', null, 'ENCODING', ''],
        [8, 'SCHEMA', null, 'my schema', 'my owner'],
        [3, 'EXTENSION', null, 'citext', ''],
        [3557, 'COMMENT', null, 'EXTENSION citext', ''],
        [322, 'FUNCTION', 'public', 'f(public.mood, integer[])', 'admin'],
        [220, 'TABLE', 'my schema', 'my table', 'my owner'],
        [3539, 'TABLE DATA', 'my schema', 'my table', 'my owner'],
        [3388, 'FK CONSTRAINT', 'sales', 'orders orders_customer_fkey', 'admin'],
        [3544, 'MATERIALIZED VIEW DATA', 'public', 'mv', 'admin'],
        [3558, 'ACL', 'public', 'COLUMN customers.name', 'admin'],
        [3535, 'ROW SECURITY', 'sales', 'orders', 'admin'],
      ],
    );
  });

  it('gives dependencies, each once, to the entry before them', () => {
    const dependencies = Object.fromEntries(
      entries.filter((entry) => entry.dependencies.length > 0).map((entry) => [entry.id, entry.dependencies]),
    );
    assert.deepEqual(dependencies, {
      3557: [3],
      220: [218, 940, 937, 3, 8],
      3539: [220],
      3388: [222, 3379, 220],
    });
  });

  it('keeps every line as pg_restore reads it back', () => {
    assert.ok(entries.every((entry) => listing.split('\n').includes(entry.line)));
  });
});
