import assert from 'node:assert/strict';
import { it } from 'node:test';
import { listSome } from '../../../src/shared/list-some.ts';

it('names for a sentence are the first of them, and how many there are besides', () => {
  assert.equal(listSome(['a', 'b', 'c'], 2), 'a, b and 1 more');
  assert.equal(listSome(['a', 'b'], 2), 'a, b');
  assert.equal(listSome(Array.from('abcdefg')), 'a, b, c, d, e and 2 more');
  assert.equal(listSome([]), '');
});
