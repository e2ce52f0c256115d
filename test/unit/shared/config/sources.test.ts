import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadText, problemsOf } from './load-text.ts';

const storages = 'storages: { main: { type: local, path: backups } }\n';
/** Where the refusal of an argument sends a secret, by the program. */
const hints = {
  dump: 'write it below "environment"',
  restore: 'write it below "environment"',
  inspect: 'write it below "environment"',
  check: 'write it below "environment"',
  before: 'let the program read it from a file',
  after: 'let the program read it from a file',
};
const assertions = 'verify: { level: restore, assertions: ["SELECT true"] }';

describe('a database of Redis in a configuration', () => {
  it('has no assertions, whether they are its own or come from the defaults', async () => {
    for (const text of [
      `databases: { cache: { engine: redis, url: "redis://h", ${assertions} } }`,
      `defaults: { ${assertions} }\ndatabases: { cache: { engine: redis, url: "redis://h" } }`,
    ])
      assert.match(
        (await problemsOf(loadText(`${storages}${text}\n`))).join(),
        /databases\.cache\.verify: has assertions, which are SQL, and Redis knows none/,
      );
  });

  it('may be drilled', async () => {
    const own = 'databases: { cache: { engine: redis, url: "redis://h", verify: { level: restore } } }';
    const { databases } = await loadText(`${storages}defaults: { ${assertions} }\n${own}\n`);
    assert.equal(databases.get('cache')?.verify.level, 'restore');
  });
});

describe('a program of a configuration', () => {
  it('is a name or an absolute path, for nobody knows to what folder another is relative', async () => {
    for (const program of ['./x', '../bin/ls', 'sub/ls', '~/x']) {
      for (const key of ['dump', 'restore', 'inspect', 'check', 'before', 'after'])
        assert.match(
          (await problemsOf(loadText(withProgram(key, `[${program}, .]`)))).join(),
          new RegExp(
            `databases\\.files\\.${key}\\.0: not a program; write its name alone, for the search path, or its absolute path$`,
          ),
        );
    }
    const config = await loadText(withProgram('before', '[/usr/local/bin/freeze, ./shop]'));
    assert.deepEqual(config.databases.get('files')?.before, ['/usr/local/bin/freeze', './shop']);
    assert.equal((await loadText(withProgram('before', '[]'))).databases.get('files')?.before, null);
    assert.match((await problemsOf(loadText(withProgram('dump', '[]')))).join(), /databases\.files\.dump: /);
  });
});

describe('an argument of a program', () => {
  it('is refused with a reference in it, for everybody on the machine could read what that stands for', async () => {
    const given = { env: { PW: 'hush-1234' }, files: { '/run/pw': 'hush-1234' } };
    for (const reference of ['${PW}', '${file:/run/pw}', '${UNSET}', '${file:/run/none}']) {
      for (const [key, hint] of Object.entries(hints)) {
        const found = await problemsOf(loadText(withProgram(key, `[x, "--p=${reference}"]`), given));
        assert.equal(found.length, 1, found.join());
        assert.match(
          found.join(),
          new RegExp(`databases\\.files\\.${key}\\.1: an argument takes no \\$\\{…\\}`),
        );
        assert.ok(found.join().includes(hint));
        assert.doesNotMatch(found.join(), /hush/);
      }
      const defaults = `defaults: { after: [x, "${reference}"] }\n${withProgram('dump', '[x]')}`;
      assert.match(
        (await problemsOf(loadText(defaults, given))).join(),
        /: defaults\.after\.1: an argument takes no/,
      );
    }
  });

  it('has no reference by way of an alias either', async () => {
    const text = withProgram('environment', '{ A: &pw "${PW}" }').replace('[tar]', '[tar, *pw]');
    const moved = text.replace(
      'dump: [tar, *pw], environment: { A: &pw "${PW}" }',
      'environment: { A: &pw "${PW}" }, dump: [tar, *pw]',
    );
    const found = await problemsOf(loadText(moved, { env: { PW: 'pw' } }));
    assert.match(found.join(), /databases\.files\.dump\.1: an argument takes no/);
  });

  it('keeps what is written for a shell', async () => {
    const config = await loadText(withProgram('before', `[sh, -c, 'echo "$HOME $\${HOME}"']`));
    assert.deepEqual(config.databases.get('files')?.before, ['sh', '-c', 'echo "$HOME ${HOME}"']);
  });

  it('may be empty, which a program is not', async () => {
    for (const key of ['dump', 'restore', 'inspect', 'check', 'before', 'after']) {
      const config = await loadText(withProgram(key, "[tar, '', x]"));
      const files = config.databases.get('files');
      assert.ok(files?.engine === 'command');
      assert.deepEqual(files[key as 'dump'], ['tar', '', 'x']);
      assert.match(
        (await problemsOf(loadText(withProgram(key, "['', x]")))).join(),
        new RegExp(`databases\\.files\\.${key}\\.0: must not be empty$`),
      );
    }
  });
});

describe('a secret of a configuration', () => {
  it('has no zero byte, which no program can be given and whose refusal would quote it', async () => {
    for (const url of [
      'redis://:hush%00hush@h',
      'postgres://u:hush%00hush@h/d',
      'mysql://u:hush%00hush@h/d',
    ]) {
      const engine = url.slice(0, url.indexOf(':'));
      const text = `${storages}databases: { x: { engine: ${engine}, url: "${url}" } }\n`;
      const found = (await problemsOf(loadText(text))).join();
      assert.match(found, /databases\.x\.url: has a %00 in it/);
      assert.doesNotMatch(found, /hush/);
    }
    const found = (
      await problemsOf(loadText(withProgram('environment', '{ PASSWORD: "hush\\0hush" }')))
    ).join();
    assert.match(found, /databases\.files\.environment\.PASSWORD: has a zero byte in it/);
    assert.doesNotMatch(found, /hush/);
  });
});

describe('a key of another engine', () => {
  for (const rest of ['sqlite, path: x', 'redis, url: "redis://h"', 'command, dump: [x]']) {
    it(`is not suggested in its own place: engine ${rest}`, async () => {
      const entry = `databases: { a: { engine: ${rest}, discover: { url: "redis://h" } } }`;
      const problems = await problemsOf(loadText(`${storages}${entry}\n`));
      assert.equal(problems.length, 1);
      assert.match(problems.join(), /a\.discover: the key discover does not go with this engine or type$/);
    });
  }
});

describe('the settings of a command', () => {
  it('are refused in words of ours', async () => {
    const entry = 'engine: command, dump: [x], extension: "../x", environment: { a-b: x }';
    const problems = await problemsOf(loadText(`${storages}databases: { a: { ${entry} } }\n`));
    assert.match(problems.join(), /a\.extension: not an extension; write at most 16 of a-z/);
    assert.match(problems.join(), /a\.environment\.a-b: not the name of a variable; use letters/);
  });
});

function withProgram(key: string, line: string): string {
  const lines = { dump: '[tar]', [key]: line };
  const written = Object.entries(lines).map(([name, value]) => `${name}: ${value}`);
  return `${storages}databases: { files: { engine: command, ${written.join(', ')} } }\n`;
}
