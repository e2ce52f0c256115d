import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKnownSecrets } from '../../../src/shared/known-secrets.ts';

describe('the secrets that a process knows', () => {
  it('are those of its configuration, of earlier ones, and its own', () => {
    const known = createKnownSecrets(['one', 'two'], ['of redis']);
    assert.deepEqual(known.all(), ['of redis', 'one', 'two']);
    known.learn(['two', 'three']);
    assert.deepEqual([...known.all()].sort(), ['of redis', 'one', 'three', 'two']);
    known.learn(['one']);
    assert.deepEqual([...known.all()].sort(), ['of redis', 'one', 'three', 'two']);
  });

  it('do not grow for ever where one changes again and again: the oldest are forgotten', () => {
    const known = createKnownSecrets(['token-0', 'fixed'], ['of redis']);
    for (let count = 1; count <= 3_000; count += 1) known.learn([`token-${count}`, 'fixed']);
    const all = new Set(known.all());
    assert.equal(all.size, 1_003);
    for (const secret of ['of redis', 'fixed', 'token-3000', 'token-2000'])
      assert.ok(all.has(secret), secret);
  });
});
