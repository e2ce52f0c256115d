import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { findToken, newToken } from '../../../../src/producer/identity/tokens.ts';
import { hashOf } from '../../../support/api.ts';

const { token, sha256 } = newToken(randomBytes);
const mine = { name: 'mine', role: 'admin', sha256 } as const;
const other = { name: 'other', role: 'viewer', sha256: newToken(randomBytes).sha256 } as const;

describe('a token', () => {
  it('is found by its hash, among others', () => {
    assert.equal(hashOf(token), sha256);
    assert.equal(findToken([other, mine], token), mine);
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['its hash', sha256],
    ['a part of it', token.slice(0, -1)],
    ['it with more behind', `${token}A`],
    ['it in capitals', token.toUpperCase()],
    ['it with a space', `${token} `],
  ] as const) {
    it(`is not ${what}`, () => assert.equal(findToken([other, mine], text), undefined));
  }

  it('is no word that somebody chose, even where the configuration has its hash', () => {
    const weak = { name: 'weak', role: 'admin', sha256: hashOf('password') } as const;
    assert.equal(findToken([weak], 'password'), undefined);
  });
});
