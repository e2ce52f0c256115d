import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { capture } from '../../../../src/pipeline/process/capture.ts';
import { createSecretHider } from '../../../../src/pipeline/process/hide-secrets.ts';
import { Secret } from '../../../../src/shared/secret.ts';

const secret = 'canary-0123456789';

describe('what a program says of its secrets', () => {
  it('is hidden wherever the 4 KiB that are kept of it begin', async () => {
    for (let after = 4096 - 2 * secret.length; after <= 4096 + secret.length; after += 1) {
      const said = await says(`printf %s "$S" >&2; head -c ${after} /dev/zero | tr '\\0' x >&2`);
      assert.match(said, /^(\[redacted\])?x+$/, `${after} bytes after it`);
      assert.ok(said.length >= 4096 - 2 * secret.length, `${said.length} characters are kept`);
    }
  });

  it('is hidden where it is said many times', async () => {
    const said = await says('for n in $(seq 1000); do echo "$n $S"; done >&2');
    assert.match(said, /1000 \[redacted\]\n$/);
    assert.doesNotMatch(said, /[a-z]-0|\d{5}/);
  });
});

describe('a secret', () => {
  it('is hidden whole where another is a part of it, or overlaps it', () => {
    assert.equal(hidden('a canary-long b', 'canary', 'canary-long'), 'a [redacted] b');
    assert.equal(hidden('a onetwothree b', 'onetwo', 'twothree'), 'a [redacted] b');
    assert.equal(hidden('ababab', 'abab'), '[redacted]');
    assert.equal(hidden('canarycanary', 'canary'), '[redacted][redacted]');
  });

  it('is hidden line by line, and not where it is too short to be told from words', () => {
    assert.equal(
      hidden('line one, line two, abc', 'line one\nline two\n', 'abc'),
      '[redacted], [redacted], abc',
    );
    assert.equal(hidden('nothing of it', 'canary'), 'nothing of it');
    assert.equal(hidden('', 'canary'), '');
  });
});

function hidden(text: string, ...secrets: string[]): string {
  const stage = { program: 'any', args: [], secrets: secrets.map((each) => new Secret(each)) };
  return createSecretHider(stage).hide(text);
}

async function says(script: string): Promise<string> {
  const env = { PATH: process.env.PATH ?? '', S: secret };
  const stage = { program: '/bin/sh', args: ['-c', script], env, secrets: [new Secret(secret)] };
  const { stderr } = await capture(stage, { signal: new AbortController().signal, maxBytes: 1_000 });
  return stderr;
}
