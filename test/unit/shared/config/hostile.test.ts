import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadText, problemsOf, refusalOf, withDatabase } from './load-text.ts';

/** Nine levels of nine aliases each: 387 million values. */
function aliasBomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const items = level === 0 ? Array(9).fill('lol') : Array(9).fill(`*l${level - 1}`);
    return `l${level}: &l${level} [${items.join(', ')}]`;
  });
  return `${levels.join('\n')}\n`;
}

async function within(milliseconds: number, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  const took = performance.now() - start;
  assert.ok(took < milliseconds, `took ${Math.round(took)} ms`);
}

describe('a hostile configuration file', () => {
  it('is refused within a second when it is an alias bomb', async () => {
    await within(1_000, async () => {
      assert.match((await refusalOf(loadText(aliasBomb()))).message, /too large or too deeply nested/);
    });
  });

  it('is refused when an alias is inside of itself or has no anchor', async () => {
    assert.match((await refusalOf(loadText('a: &a [*a]\n'))).message, /too large or too deeply nested/);
    assert.match(
      (await refusalOf(loadText('a: *gone\n'))).message,
      /1:1: a: an alias needs its anchor before it/,
    );
  });

  it('is refused at 16 MiB without being parsed', async () => {
    await within(500, async () => {
      const text = `# ${'x'.repeat(16 * 1_048_576)}\n${withDatabase()}`;
      assert.deepEqual(await problemsOf(loadText(text)), ['backupdata.yaml: is larger than 8388608 bytes']);
    });
  });

  it('may have 8 MiB', async () => {
    const comment = (bytes: number): string =>
      `${withDatabase()}#${'x'.repeat(bytes - withDatabase().length - 1)}`;
    assert.equal((await loadText(comment(8_388_608))).databases.size, 1);
    await refusalOf(loadText(comment(8_388_609)));
  });

  it('is read in reasonable time when it has tens of thousands of keys', async () => {
    const keys = Array.from({ length: 30_000 }, (_, index) => `key${index}: 1`).join('\n');
    await within(8_000, async () => {
      const lines = await problemsOf(loadText(`${withDatabase()}${keys}\n`));
      assert.equal(lines.length, 51);
      assert.equal(lines.at(-1), 'and 29950 more');
    });
  });

  it('is read in seconds when it has 10,000 databases, each with a password, a schedule and a drill beside another', async () => {
    const entries = Array.from({ length: 10_000 }, (_, index) => {
      const time = `${index % 60} ${index % 24} * * *`;
      const target = `tenant-${(index * 7919) % 10_000}`;
      return `  tenant-${index}: { engine: postgres, url: "postgres://u:password-${index}@h/d", schedule: "${time}", spread: 1h, verify: { level: restore, target: ${target}, schedule: "${time}" } }`;
    });
    const text = `storages: { main: { type: local, path: /b } }\ndatabases:\n${entries.join('\n')}\n`;
    await within(15_000, async () => {
      assert.equal((await loadText(text)).databases.size, 10_000);
    });
  });

  it('is refused for nesting that is too deep', async () => {
    for (const text of ['['.repeat(5_000), `${'['.repeat(50)}${']'.repeat(50)}`, '- '.repeat(5_000)]) {
      assert.match((await refusalOf(loadText(text))).message, /nest/);
    }
  });

  it('cannot reach a prototype', async () => {
    const text = `${withDatabase('    __proto__: { pool: evil }\n')}__proto__: { polluted: 1 }\n`;
    assert.deepEqual(await problemsOf(loadText(text)), [
      'backupdata.yaml:7:5: databases.shop.__proto__: this key is not allowed',
      'backupdata.yaml:8:1: __proto__: this key is not allowed',
    ]);
    assert.ok(!('polluted' in {}));
    const problems = await problemsOf(
      loadText(`${withDatabase()}constructor: { prototype: { polluted: 1 } }\n`),
    );
    assert.deepEqual(problems, ['backupdata.yaml:7:1: constructor: the key constructor is not known here']);
  });

  const refused: [string, string, RegExp][] = [
    ['a tab as indentation', 'storages:\n\tmain: 1\n', /^backupdata\.yaml:2:1: a tab cannot indent/],
    [
      'a key that is there twice',
      `${withDatabase()}databases: {}\n`,
      /^backupdata\.yaml:7:1: databases: the key databases is there twice; first on line 3$/m,
    ],
    ['a custom tag', 'a: !secret x\n', /^backupdata\.yaml:1:4: tags/],
    ['a tag of JavaScript', 'a: !!js/function x\n', /^backupdata\.yaml:1:4: tags/],
    ['binary', 'a: !!binary aGk=\n', /^backupdata\.yaml:1:4: tags/],
    ['a second document', `${withDatabase()}---\na: 1\n`, /^backupdata\.yaml:7:1: a second document/],
    ['a directive', '%FOO bar\n---\na: 1\n', /^backupdata\.yaml:1:1: a line that starts with "%"/],
    ['a key that is a list', '? [a]\n: b\n', /^backupdata\.yaml:1:3: a key must be plain text/],
    ['a quote that is not closed', 'a: "b\n', /^backupdata\.yaml:\d:\d: /],
  ];
  for (const [what, text, message] of refused) {
    it(`is refused for ${what}`, async () => {
      assert.match((await refusalOf(loadText(text))).message, message);
    });
  }

  it('is refused when it is not UTF-8', async () => {
    assert.deepEqual(await problemsOf(loadText(Buffer.from([0x61, 0x3a, 0x20, 0xff]))), [
      'backupdata.yaml: is not UTF-8 text',
    ]);
  });

  it('may begin with a byte order mark', async () => {
    assert.equal((await loadText(`\ufeff${withDatabase()}`)).databases.size, 1);
  });
});

describe('the errors of a configuration', () => {
  const canary = 'c4n4ry-value';
  const fields = [
    'installation: V',
    'storages: { main: V }',
    'storages: { main: { type: V } }',
    'storages: { main: { type: local, path: [V] } }',
    'defaults: V',
    'defaults: { storage: V }',
    'defaults: { compression: V }',
    'defaults: { compression: { type: V } }',
    'defaults: { compression: { type: zstd, level: V } }',
    'defaults: { pool: [V] }',
    'defaults: { maxDuration: V }',
    'defaults: { volumeSize: V }',
    'databases: V',
    'databases: { shop: V }',
    'databases: { shop: { engine: V, url: x } }',
    'databases: { shop: { engine: postgres, url: V } }',
    'databases: { shop: { engine: postgres, url: [V] } }',
    'queue: { attempts: V }',
    'queue: { lockDuration: V }',
    'queue: { backoff: { max: V } }',
    'timeouts: { connect: V }',
    'tools: { path: V }',
    'unknown: V',
  ];
  for (const field of fields) {
    it(`never quote the value of ${field}`, async () => {
      for (const [written, env] of [
        [`"${canary}!"`, {}],
        ['${CANARY}', { CANARY: `${canary} !` }],
        ['${file:/canary}', {}],
      ] as const) {
        const error = await refusalOf(
          loadText(`${field.replace('V', written)}\n`, { env, files: { '/canary': `${canary}!\n` } }),
        );
        assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.stack, error.cause]), /c4n4ry/);
      }
    });
  }

  const malformed = [
    'a: c4n4ry: c4n4ry',
    'a: "c4n4ry\\q"',
    'a: @c4n4ry',
    'a: c4n4ry\n b\nc4n4ry',
    'a: [c4n4ry',
    'a: "c4n4ry',
    'a: *c4n4ry!',
    'a: !c4n4ry x',
    '%c4n4ry\n---\na: 1',
    '{a: c4n4ry}}} c4n4ry',
    'databases: { "postgres://u:c4n4ry@h/d": 1 }',
  ];
  for (const text of malformed) {
    it(`never quote the text of ${JSON.stringify(text)}`, async () => {
      const error = await refusalOf(loadText(text));
      assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.stack, error.cause]), /c4n4ry/);
    });
  }

  for (const [name, url] of Object.entries({
    'a bad escape': 'postgres://u:c4n4ry%zz@h/d',
    'a line break': 'postgres://u:c4n4ry\nx@h/d',
    'no scheme': 'u:c4n4ry@h/d',
    'another scheme': 'mysql://u:c4n4ry@h/d',
    'an unescaped slash': 'postgres://u:c4n/c4n4ry@h/d',
  })) {
    it(`never quote a URL with ${name}`, async () => {
      const { message } = await refusalOf(loadText(withDatabase('', '${URL}'), { env: { URL: url } }));
      assert.match(message, /^backupdata\.yaml:6:5: databases\.shop\.url: /);
      assert.doesNotMatch(message, /c4n/);
    });
  }
});
