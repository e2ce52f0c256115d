import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressOf, parseConnection } from '../../../../../src/pipeline/engine/redis/connection.ts';
import { Secret } from '../../../../../src/shared/secret.ts';

const parse = (url: string) => parseConnection(new Secret(url));

describe('a Redis URL', () => {
  it('names host, port, user and password, each with its default', () => {
    const { password, ...rest } = parse('redis://us%40er:p%2Fss%25@cache.example:7000/');
    assert.equal(password?.reveal(), 'p/ss%');
    assert.deepEqual(rest, {
      host: 'cache.example',
      port: 7000,
      socket: undefined,
      user: 'us@er',
      tls: null,
      clusterNode: false,
    });
    const { host, port, user, password: none } = parse('redis://h');
    assert.deepEqual([host, port, user, none], ['h', 6379, undefined, undefined]);
    assert.equal(parse('redis://:only@h').password?.reveal(), 'only');
    assert.equal(addressOf(parse('redis://[::1]:7000')), '[::1]:7000');
    assert.equal(addressOf(parse('redis://h?socket=/run/redis.sock')), '/run/redis.sock');
  });

  it('says how to encrypt, where it is rediss', () => {
    assert.deepEqual(parse('rediss://h').tls, {
      ...{ cacert: undefined, cert: undefined, key: undefined, sni: undefined },
      insecure: false,
    });
    assert.deepEqual(parse('rediss://h?cacert=/a+b/ca&cert=/c&key=/k&sni=name&insecure=true').tls, {
      ...{ cacert: '/a+b/ca', cert: '/c', key: '/k', sni: 'name' },
      insecure: true,
    });
  });

  for (const [url, message] of Object.entries({
    'redis://h/0': /one database, and a backup holds all/,
    'redis://h/3': /one database/,
    'redis://user@h': /a user and no password/,
    'redis://h?cacert=/ca': /"cacert" is about TLS, which only rediss/,
    'redis://h?insecure=true': /"insecure" is about TLS/,
    'rediss://h?cacerts=/ca': /"cacerts" is not known/,
    'rediss://h?cacert=': /"cacert" is empty/,
    'rediss://h?cacert=/a&cacert=/b': /"cacert" stands in it twice/,
    'rediss://h?cert=/c': /cert and key go together/,
    'rediss://h?insecure=yes': /insecure is true, or left out/,
    'redis://h?cluster=yes': /cluster is node, or left out/,
    'redis://h#x': /"#"/,
  }))
    it(`is refused as ${url}`, () => {
      assert.throws(() => parse(url), { code: 'CONFIG_INVALID', message });
    });

  it('does not show its password when it is refused', () => {
    assert.throws(
      () => parse('redis://u:very-secret@h/1'),
      (error: Error) => !`${error.message}${error.stack}`.includes('very-secret'),
    );
  });
});
