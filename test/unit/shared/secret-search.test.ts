import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSecretSearch } from '../../../src/shared/secret-search.ts';

const mask = '*';

/** Every way in which one letter may be written. */
function formsOf(letter: string): string[] {
  const percent = Array.from(Buffer.from(letter), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(
    '',
  );
  const json = JSON.stringify(letter).slice(1, -1);
  return [letter, percent, percent.toUpperCase(), json, ...(letter === ' ' ? ['+'] : [])];
}

/** The secret written anew, each letter in another of its forms than before. */
function written(secret: string, turn: number): string {
  return Array.from(secret, (letter, index) => {
    const forms = formsOf(letter);
    return forms[(turn + index) % forms.length];
  }).join('');
}

describe('the search for secrets', () => {
  const secrets = [
    'c4n4ry p@ss/"w$d\\é',
    'tab\tand\nline',
    '%25 + \\n',
    '𝄞 clef',
    '\ud800half',
    '  +  ',
    '\\\\\\\\',
  ];
  const search = createSecretSearch(secrets);

  for (const secret of secrets)
    it(`masks ${JSON.stringify(secret)} in every mixture of forms`, () => {
      for (let turn = 0; turn < 5; turn += 1)
        assert.equal(search(`<${written(secret, turn)}>`, mask), '<*>', written(secret, turn));
    });

  it('masks all of several, and nothing between them', () => {
    assert.equal(search('a 𝄞 clef b tab\\tand\\nline%20c', mask), 'a * b *%20c');
  });

  it('masks the longest of those that begin alike, and no part of one', () => {
    const nested = createSecretSearch(['pass', 'password', 'password-1']);
    assert.equal(nested('pas pass passwor password password- password-1', mask), 'pas * *wor * *- *');
  });

  it('leaves text alone that only looks like an escape', () => {
    const text = '100% %zz %c3 %c3%28 \\x \\u12 \\N + \ud800';
    assert.equal(search(text, mask), text);
    assert.equal(createSecretSearch([])(text, mask), text);
  });

  it('ends for rows of what may be read in two ways', () => {
    const rows = createSecretSearch([`${'\\'.repeat(60)}x`, `${'%25'.repeat(60)}x`]);
    const text = `${'\\'.repeat(120)}y${'%25'.repeat(120)}y`;
    assert.equal(rows(text, mask), text);
  });

  it('takes no longer for a line where there are 30,000 of them', () => {
    const many = Array.from(
      { length: 30_000 },
      (_, index) => `postgres://backup:pw-${index * 7919}-x@db/tenant_${index}`,
    );
    const all = createSecretSearch(many);
    const line = 'connection to postgres://backup:pw-1-y@db/tenant_1 failed after 30 s\n'.repeat(1_000);
    const started = performance.now();
    assert.equal(all(line + many[17_000] + line, mask), line + mask + line);
    const took = performance.now() - started;
    assert.ok(took < 2_000, `2,000 lines took ${Math.round(took)} ms`);
  });
});
