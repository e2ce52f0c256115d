import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { optionsFile } from '../../../../../src/pipeline/engine/mysql/client-options.ts';
import {
  addressOf,
  parseConnection,
  parseSource,
} from '../../../../../src/pipeline/engine/mysql/connection.ts';
import { Secret } from '../../../../../src/shared/secret.ts';

const parse = (url: string) => parseConnection(new Secret(url));

describe('a MySQL URL', () => {
  it('gives who, where and what, each decoded', () => {
    const { password, ...rest } = parse('mysql://b%40ck:p%23s@[::1]:3307/my%2Fshop');
    assert.deepEqual(rest, {
      scheme: 'mysql',
      host: '::1',
      port: 3307,
      socket: undefined,
      user: 'b@ck',
      database: 'my/shop',
      tls: { mode: 'PREFERRED', ca: undefined, cert: undefined, key: undefined },
    });
    assert.equal(password?.reveal(), 'p#s');
    assert.equal(addressOf(parse('mariadb://u@h/d')), 'h:3306');
    assert.equal(addressOf(parse('mariadb://u@h/d?socket=%2Frun%2Fx')), '/run/x');
  });

  it('is refused with what could be misspelt, and without a database', () => {
    const refusals: Record<string, RegExp> = {
      'mysql://h/d?sslmode=REQUIRED': /parameter "sslmode" is not known/,
      'mysql://h/d?ssl-mode=REQUIRE': /ssl-mode is one of/,
      'mysql://h/d?ssl-cert=%2Fc': /belong together/,
      'mysql://h:0/d': /port/,
      'mysql://h/d#x': /"#"/,
      'mysql://h/': /names no database/,
      'postgres://h/d': /not written as/,
    };
    for (const [url, message] of Object.entries(refusals))
      assert.throws(() => parseSource(new Secret(url)), { code: 'CONFIG_INVALID', message });
  });

  it('reaches each product in the words that its programs know', () => {
    const file = (url: string, flavour: 'mysql' | 'mariadb') => optionsFile(parse(url), flavour).reveal();
    const verified = 'mysql://u:p%22%5C@h/d?ssl-mode=VERIFY_CA&ssl-ca=%2Fca';
    assert.match(file(verified, 'mysql'), /^ssl-mode="VERIFY_CA"\nssl-ca="\/ca"$/m);
    assert.match(file(verified, 'mariadb'), /^ssl\nssl-verify-server-cert="1"\nssl-ca="\/ca"$/m);
    assert.match(file(verified, 'mariadb'), /^password="p\\"\\\\"$/m);
    assert.match(file('mysql://u@h/d?ssl-mode=disabled', 'mariadb'), /^skip-ssl$/m);
    assert.match(file('mysql://u@h/d?socket=%2Frun%2Fx', 'mysql'), /^protocol="SOCKET"\nsocket="\/run\/x"$/m);
  });
});
