import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { urlOf } from '../../../support/database.ts';
import { loadText, problemsOf, withDatabase } from './load-text.ts';

const poolOf = async (pool: string, given: Parameters<typeof loadText>[1]): Promise<string | undefined> =>
  (await loadText(withDatabase(`    pool: ${pool}\n`), given)).databases.get('shop')?.pool;

describe('${…} in a configuration file', () => {
  it('is the variable, wherever a text may stand, also between { and }', async () => {
    const env = { URL: 'postgres://u:pw-1234@h/d', POOL: 'eu', DIR: '/data' };
    const config = await loadText(
      'storages: {main: {type: local, path: ${DIR}/backups}}\ndatabases: {shop: {engine: postgres, url: ${URL}, pool: ${POOL}-1}}\n',
      { env },
    );
    assert.equal(urlOf(config.databases.get('shop')), env.URL);
    assert.equal(config.databases.get('shop')?.pool, 'eu-1');
    assert.deepEqual(config.storages.get('main'), { type: 'local', path: '/data/backups' });
  });

  it('is a file, without its last line break, relative to the configuration', async () => {
    const files = { '/run/secrets/pool': 'eu\r\n', '/etc/backup/near': 'us\n' };
    assert.equal(await poolOf('${file:/run/secrets/pool}', { files }), 'eu');
    assert.equal(await poolOf('${file:near}', { files }), 'us');
  });

  it('is kept as text by $${', async () => {
    const text = 'storages: {main: {type: local, path: /a$${HOME}/$$${X}}}\ndatabases: {}\n';
    const config = await loadText(text, { env: { X: 'x' } });
    assert.deepEqual(config.storages.get('main'), { type: 'local', path: '/a${HOME}/$${X}' });
  });

  it('cannot bring in YAML, nor another reference', async () => {
    const value = '/a${OTHER}: {b}\t# "x';
    const text = 'storages: {main: {type: local, path: "${V}c"}}\ndatabases: {}\n';
    const problem = await problemsOf(loadText(text, { env: { V: value, OTHER: 'no' } }));
    assert.match(problem[0] ?? '', /storages\.main\.path: has a line break or another control character/);
    const plain = value.replace('\t', ' ');
    const config = await loadText(text, { env: { V: plain, OTHER: 'no' } });
    assert.deepEqual(config.storages.get('main'), { type: 'local', path: `${plain}c` });
  });

  it('fills a number where a number is wanted, and stays text where text is', async () => {
    const env = { LEVEL: '7', POOL: '5', DRAIN: '10s', STALLS: '0', SIZE: '8388608' };
    const config = await loadText(
      withDatabase(
        '    compression: { type: zstd, level: ${LEVEL} }\n    pool: ${POOL}\n    volumeSize: ${SIZE}\nqueue: { maxStalledCount: "${STALLS}" }\ntimeouts: { drain: ${DRAIN} }\n',
      ),
      { env },
    );
    assert.deepEqual(config.databases.get('shop')?.compression, { type: 'zstd', level: 7 });
    assert.equal(config.databases.get('shop')?.pool, '5');
    assert.equal(config.databases.get('shop')?.volumeSize, 8_388_608);
    assert.equal(config.queue.maxStalledCount, 0);
    assert.equal(config.timeouts.drain, 10_000);
  });

  it('fills a number through an alias too', async () => {
    const text = `${withDatabase('    compression: &c { type: zstd, level: ${LEVEL} }\n')}defaults: { compression: *c }\n`;
    const config = await loadText(text, { env: { LEVEL: '4' } });
    assert.deepEqual(config.databases.get('shop')?.compression, { type: 'zstd', level: 4 });
  });

  it('does not fill a number from part of a text, nor from what is no number or out of range', async () => {
    const env = { LEVEL: '7', WORD: 'canary-1', HIGH: '99' };
    for (const level of ['${LEVEL}${LEVEL}', '${WORD}', '"7"', '${HIGH}']) {
      const problems = await problemsOf(
        loadText(withDatabase(`    compression: { type: zstd, level: ${level} }\n`), { env }),
      );
      assert.match(problems[0] ?? '', /^backupdata\.yaml:7:32: databases\.shop\.compression\.level: /);
      assert.equal(problems.length, 1);
      assert.doesNotMatch(problems[0] ?? '', /canary|99/);
    }
  });

  it('is refused with its position when it has no value', async () => {
    const files = { '/long': 'x'.repeat(65_537), '/binary': Buffer.from([0xff, 0xfe]) };
    const reasons: [string, string][] = [
      ['${GONE}', 'the environment variable GONE is not set'],
      ['${toString}', 'the environment variable toString is not set'],
      ['${file:/gone}', 'the file /gone is not there'],
      ['${file:/long}', 'the file /long is larger than 65536 bytes'],
      ['${file:/binary}', 'the file /binary is not UTF-8 text'],
      ['${A:-b}', 'only ${NAME} and ${file:/path} are known; write $${ for a plain "${"'],
      ['${}', 'only ${NAME} and ${file:/path} are known; write $${ for a plain "${"'],
      ['a${b', '"${" without its "}"; write $${ for a plain "${"'],
    ];
    for (const [text, reason] of reasons) {
      assert.deepEqual(await problemsOf(loadText(withDatabase(`    pool: ${text}\n`), { files })), [
        `backupdata.yaml:7:5: databases.shop.pool: ${reason}`,
      ]);
    }
  });

  it('is not looked for in keys', async () => {
    const problems = await problemsOf(loadText(`${withDatabase()}  \${NAME}: { engine: postgres }\n`));
    assert.match(problems.join('\n'), /databases\.\(key\): not a valid name/);
  });
});
