import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadText, problemsOf } from './load-text.ts';

const storages = 'storages: { main: { type: local, path: backups } }\n';
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
