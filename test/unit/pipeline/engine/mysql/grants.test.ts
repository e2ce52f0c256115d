import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { holds, missingGrants, parseGrants } from '../../../../../src/pipeline/engine/mysql/grants.ts';
import type { Server } from '../../../../../src/pipeline/engine/mysql/session.ts';

const maria = (version: string): Server => ({
  flavour: 'mariadb',
  version,
  identity: null,
  account: "'b'@'%'",
  foldsNames: false,
  hiding: [],
});
const mysql = (version: string): Server => ({ ...maria(version), flavour: 'mysql' });
const lacking = (lines: string[], server = maria('10.11.2-MariaDB'), database = 'my_shop') =>
  missingGrants(parseGrants(lines), { server, database });

describe('the privileges of a backup', () => {
  it('are enough on everything, on the database, and on the table of routines', () => {
    assert.deepEqual(lacking(['GRANT ALL PRIVILEGES ON *.* TO `b`@`%` WITH GRANT OPTION']), []);
    for (const pattern of ['my\\_shop', 'my_shop', 'my%'])
      assert.deepEqual(
        lacking([
          'GRANT USAGE ON *.* TO `b`@`%`',
          `GRANT SELECT, SHOW VIEW, EVENT, TRIGGER ON \`${pattern}\`.* TO \`b\`@\`%\``,
          'GRANT SELECT ON `mysql`.`proc` TO `b`@`%`',
        ]),
        [],
        pattern,
      );
  });

  it('are not those on another database, on one table, on columns, or of another name', () => {
    for (const line of [
      'GRANT SELECT ON `my\\_shop2`.* TO `b`@`%`',
      'GRANT SELECT ON `my-shop`.* TO `b`@`%`',
      'GRANT SELECT ON `my_shop`.`t` TO `b`@`%`',
      'GRANT SELECT (`a`, `b`), INSERT ON `my_shop`.* TO `b`@`%`',
      'GRANT SELECTION ON `my_shop`.* TO `b`@`%`',
      'GRANT PROXY ON ``@`%` TO `b`@`%`',
    ])
      assert.equal(holds(parseGrants([line]), 'SELECT', 'my_shop'), false, line);
  });

  it('are those of the pattern that the server obeys', () => {
    const wide = 'GRANT SELECT, TRIGGER ON `my%`.* TO `b`@`%`';
    const exact = 'GRANT SELECT ON `my\\_shop`.* TO `b`@`%`';
    assert.equal(holds(parseGrants([wide]), 'TRIGGER', 'my_shop'), true);
    assert.equal(holds(parseGrants([wide, exact]), 'TRIGGER', 'my_shop'), false);
    assert.equal(holds(parseGrants([wide, 'GRANT SELECT ON `my_shop`.* TO x']), 'TRIGGER', 'my_shop'), false);
  });

  it('can be taken back for one database', () => {
    const grants = parseGrants([
      'GRANT SELECT, TRIGGER ON *.* TO `b`@`%`',
      'REVOKE TRIGGER ON `shop`.* FROM `b`@`%`',
    ]);
    assert.equal(holds(grants, 'TRIGGER', 'shop'), false);
    assert.equal(holds(grants, 'SELECT', 'shop'), true);
    assert.equal(holds(grants, 'TRIGGER', 'other'), true);
  });

  it('that lack are named as the statement that gives them and shadows nothing', () => {
    const proc = "GRANT SELECT ON `mysql`.`proc` TO 'b'@'%'";
    assert.deepEqual(lacking(['GRANT SELECT ON `my_shop`.* TO x']), [
      "GRANT SHOW VIEW, TRIGGER, EVENT ON `my_shop`.* TO 'b'@'%'",
      proc,
    ]);
    assert.deepEqual(lacking(['GRANT SELECT ON `my%`.* TO x']), [
      "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON `my\\_shop`.* TO 'b'@'%'",
      proc,
    ]);
  });

  it('for routines are what each server has', () => {
    const rest = ['GRANT SELECT, SHOW VIEW, EVENT, TRIGGER ON `my_shop`.* TO x'];
    assert.deepEqual(lacking(rest, maria('11.4.2-MariaDB')), [
      "GRANT SHOW CREATE ROUTINE ON `my_shop`.* TO 'b'@'%'",
    ]);
    assert.deepEqual(lacking(rest, mysql('8.0.36')), ["GRANT SHOW_ROUTINE ON *.* TO 'b'@'%'"]);
    assert.deepEqual(lacking(rest, mysql('8.0.19')), ["GRANT SELECT ON *.* TO 'b'@'%'"]);
    assert.deepEqual(lacking(rest, mysql('5.7.44')), ["GRANT SELECT ON `mysql`.`proc` TO 'b'@'%'"]);
    const dynamic = 'GRANT AUDIT_ADMIN,BACKUP_ADMIN,SHOW_ROUTINE ON *.* TO `b`@`%`';
    assert.deepEqual(lacking([...rest, dynamic], mysql('8.0.36')), []);
  });
});
