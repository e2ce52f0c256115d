import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BackupDataError } from '../../../src/shared/errors.ts';
import { createRedactor } from '../../../src/shared/redact.ts';
import { redactText } from '../../../src/shared/redact-text.ts';
import { Secret } from '../../../src/shared/secret.ts';

const secret = 'c4n4ry p@ss/"w$d\\é';
const redactor = createRedactor([secret, 'abc']);

function assertClean(value: unknown): void {
  assert.doesNotMatch(JSON.stringify(redactor(value)) ?? '', /c4n4ry/);
}

describe('redaction by value', () => {
  const forms: Record<string, string> = {
    plain: secret,
    'URL component': encodeURIComponent(secret),
    'URL component in lower case': encodeURIComponent(secret).replaceAll(/%../g, (hex) => hex.toLowerCase()),
    form: new URLSearchParams({ p: secret }).toString().slice(2),
    URI: encodeURI(secret),
    JSON: JSON.stringify({ a: secret }),
    'user part of a URL': Object.assign(new URL('postgres://h/d'), { password: secret }).href,
  };
  for (const [name, form] of Object.entries(forms)) {
    it(`masks the ${name} form in the middle of a text`, () => {
      const text = redactor.text(`before ${form} after`);
      assert.doesNotMatch(text, /c4n4ry/);
      assert.match(text, /^before .*\[redacted\].* after$/);
    });
  }

  it('masks wherever the value stands', () => {
    assertClean({ a: [{ b: new Map([[secret, new Set([secret])]]) }], [secret]: 1 });
    assertClean(new URL(`https://h/?q=${encodeURIComponent(secret)}`));
    assertClean({ toJSON: () => ({ inner: secret }) });
    assertClean(Symbol(secret));
  });

  it('leaves short secrets and everything else alone', () => {
    const value = { text: 'abc def', number: 5, yes: true, none: null, date: new Date(0), list: [1n] };
    assert.deepEqual(redactor(value), { ...value, date: '1970-01-01T00:00:00.000Z', list: ['1'] });
  });

  it('masks the longer of two secrets that begin alike', () => {
    assert.equal(createRedactor(['pass', 'password1']).text('x password1 y'), 'x [redacted] y');
  });

  it('takes secrets that look like patterns for what they are', () => {
    assert.equal(createRedactor(['.*+?']).text('abcd .*+? abcd'), 'abcd [redacted] abcd');
  });
});

describe('a hint', () => {
  it('shows the form of a URL, and a password that looks like that form is still masked', () => {
    const hint = 'Write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require.';
    assert.equal(redactText(hint), hint);
    assert.equal(redactText('postgres://u:PASSWORD@db.example/x'), 'postgres://u:[redacted]@db.example/x');
  });
});

describe('redaction by key', () => {
  const keys = [
    'password',
    'PGPASSWORD',
    'db_password',
    'passwd',
    'passphrase',
    'secret',
    'clientSecret',
    'token',
    'accessToken',
    'Authorization',
    'apiKey',
    'api-key',
    'x_api_key',
    'secretAccessKey',
    'private key',
    'credentials',
    'Set-Cookie',
    'webhook',
  ];
  for (const key of keys) {
    it(`masks ${key}`, () => {
      assert.deepEqual(redactor({ [key]: 'anything' }), { [key]: '[redacted]' });
      assert.deepEqual(redactor({ [key]: { deep: ['anything'] } }), { [key]: '[redacted]' });
      assert.deepEqual(redactor(new Map([[key, 1234]])), { [key]: '[redacted]' });
    });
  }

  it('tells that there is none', () => {
    const value = { password: null, token: '', hasSecret: false };
    assert.deepEqual(redactor(value), value);
  });

  for (const key of ['database', 'backupId', 'key', 'bytes', 'passed', 'url', 'host', 'path', 'pool']) {
    it(`keeps ${key}`, () => {
      assert.deepEqual(redactor({ [key]: 'x' }), { [key]: 'x' });
    });
  }

  it('keeps a URL but for its credentials', () => {
    assert.deepEqual(redactor({ url: 'postgres://app:unknown@db:5432/shop' }), {
      url: 'postgres://app:[redacted]@db:5432/shop',
    });
  });
});

describe('redaction by form', () => {
  const masked: [string, string][] = [
    ['at postgres://app:c4n4ry@db:5432/shop now', 'at postgres://app:[redacted]@db:5432/shop now'],
    ['redis://:c4n4ry@r:6379/0', 'redis://:[redacted]@r:6379/0'],
    ['"https://u:c4n4ry@h/x", "b"', '"https://u:[redacted]@h/x", "b"'],
    ['postgres://u:c4@n4ry@h/d', 'postgres://u:[redacted]@h/d'],
    ['postgres://u:c4n4ry/x?y#z@h/d', 'postgres://u:[redacted]@h/d'],
    ['postgres://h/d?user=u&password=c4n4ry&x=1', 'postgres://h/d?user=u&password=[redacted]&x=1'],
    ["host=h password='c4n4ry x' dbname=d", 'host=h password=[redacted] dbname=d'],
    ['PGPASSWORD=c4n4ry pg_dump', 'PGPASSWORD=[redacted] pg_dump'],
    ['Authorization: Bearer c4n4ryc4n4ry', 'Authorization: Bearer [redacted]'],
    ['two a://u:c4n4ry@h b://v:c4n4ry@i', 'two a://u:[redacted]@h b://v:[redacted]@i'],
  ];
  for (const [text, expected] of masked) {
    it(`masks ${text}`, () => {
      assert.equal(redactText(text), expected);
      assert.equal(redactText(expected), expected);
    });
  }

  for (const text of [
    'http://127.0.0.1:8080/users/a@b',
    'postgres://app@db:5432/shop',
    'password authentication failed for user "app"',
    'basic authentication is off',
    'at 12:30 mail me@example.org',
  ]) {
    it(`keeps ${text}`, () => {
      assert.equal(redactText(text), text);
    });
  }

  for (const piece of [
    '://a:',
    '://',
    'password=',
    "password='",
    'Bearer ',
    'a',
    'postgres://u:p',
    '@',
    '%',
  ]) {
    it(`takes no more than a second of a processor for 1 MiB of ${JSON.stringify(piece)}`, () => {
      const start = process.threadCpuUsage();
      redactor.text(piece.repeat(2 ** 20 / piece.length));
      assert.ok(process.threadCpuUsage(start).user < 1_000_000);
    });
  }
});

describe('redaction of errors', () => {
  it('keeps code, message, hint, cause, errors and stack, all masked', () => {
    const cause = new AggregateError([new Error(`one ${secret}`)], `many ${secret}`);
    const error = new BackupDataError('DUMP_FAILED', `failed ${secret}`, { hint: `hint ${secret}`, cause });
    assertClean(error);
    const { stack, ...rest } = Object(createRedactor([secret], { stacks: true })(error));
    assert.match(stack, /redact\.test\.ts/);
    assert.equal(rest.cause.errors.length, 1);
    assert.deepEqual(createRedactor([secret], { stacks: false })(error), {
      code: 'DUMP_FAILED',
      message: 'failed [redacted]',
      hint: 'hint [redacted]',
      cause: {
        name: 'AggregateError',
        message: 'many [redacted]',
        errors: [{ name: 'Error', message: 'one [redacted]' }],
      },
    });
  });

  it('leaves out what libraries hang on an error', () => {
    const error = Object.assign(new Error('x'), { options: { hidden: secret }, command: secret });
    assert.deepEqual(Object.keys(Object(redactor(error))).sort(), ['message', 'name', 'stack']);
  });

  it('ends for an error that is its own cause', () => {
    const error = new Error('x');
    error.cause = error;
    assert.equal(Object(redactor(error)).cause, '[circular]');
  });
});

describe('redaction of hostile values', () => {
  it('ends for circular and very deep values, and shows what is met twice', () => {
    const circular: Record<string, unknown> = { twice: [1] };
    circular.self = circular;
    circular.again = circular.twice;
    assert.deepEqual(redactor(circular), { twice: [1], self: '[circular]', again: [1] });
    let deep: unknown = 'end';
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    assert.match(JSON.stringify(redactor(deep)), /too deep/);
  });

  it('ends soon for a value that holds others many times', () => {
    let wide: unknown = 'end';
    for (let level = 0; level < 15; level += 1) wide = Array(20).fill(wide);
    const start = performance.now();
    redactor(wide);
    assert.ok(performance.now() - start < 1_000);
  });

  it('keeps a __proto__ key as a key', () => {
    const copy = Object(redactor(JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":1}}')));
    assert.deepEqual(Object.keys(copy), ['__proto__', 'constructor']);
    assert.ok(!('polluted' in copy));
  });

  it('does not throw for getters, proxies and toJSON that do', () => {
    const fail = (): never => {
      throw new Error(secret);
    };
    const getter = Object.defineProperty({}, 'a', { get: fail, enumerable: true });
    const proxy = new Proxy({}, { ownKeys: fail });
    assert.deepEqual(redactor([getter, proxy, { toJSON: fail }]), [
      '[unreadable]',
      '[unreadable]',
      '[unreadable]',
    ]);
  });

  it('shows neither bytes, functions nor secrets, and does not change its argument', () => {
    const value = { a: Buffer.from(secret), b: () => secret, c: new Secret(secret), d: { password: secret } };
    assert.deepEqual(redactor(value), {
      a: `[${value.a.length} bytes]`,
      b: '[function]',
      c: '[redacted]',
      d: { password: '[redacted]' },
    });
    assert.equal(value.d.password, secret);
  });
});
