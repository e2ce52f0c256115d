import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  grantStatement,
  parseGlobals,
  parseGrant,
  writeGlobals,
} from '../../../../../src/pipeline/engine/mysql/globals-sql.ts';

const hash = "IDENTIFIED BY PASSWORD '*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29'";

describe('a line of SHOW GRANTS', () => {
  it('is kept without hash and limits, and with the right to grant on', () => {
    const kept = (line: string) => {
      const grant = parseGrant(line);
      return grant && grantStatement(grant);
    };
    assert.equal(
      kept(`GRANT PROCESS, SELECT ON *.* TO \`a\`@\`%\` ${hash} REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5`),
      'GRANT PROCESS, SELECT ON *.* TO `a`@`%`',
    );
    assert.equal(
      kept(`GRANT SELECT ON *.* TO \`a\`@\`%\` ${hash} WITH GRANT OPTION MAX_USER_CONNECTIONS 1`),
      'GRANT SELECT ON *.* TO `a`@`%` WITH GRANT OPTION',
    );
    assert.equal(
      kept("GRANT SELECT ON *.* TO `a`@`%` REQUIRE SUBJECT ' WITH GRANT OPTION'"),
      'GRANT SELECT ON *.* TO `a`@`%`',
    );
    assert.equal(
      kept('GRANT `r``1` TO `a`@`%` WITH ADMIN OPTION'),
      'GRANT `r``1` TO `a`@`%` WITH ADMIN OPTION',
    );
  });

  it('is nothing when a name with a line break wrote it', () => {
    const written = 'GRANT SELECT ON `shop`.`x\nGRANT ALL PRIVILEGES ON *.* TO ``evil``@``%``\n` TO `a`@`%`';
    assert.deepEqual(written.split('\n').map(parseGrant), [undefined, undefined, undefined]);
    assert.equal(parseGrant("GRANT ALL PRIVILEGES ON *.* TO 'evil'@'%'"), undefined);
  });
});

describe('globals.sql', () => {
  it('is read as it was written, whatever the names are', () => {
    const odd = { name: "o'd\\d`@;x", host: '10.%' };
    const role = { name: 'clerk', host: null };
    const globals = {
      accounts: [
        { ...role, require: null },
        { ...odd, require: 'X509' as const },
      ],
      grants: [
        { kind: 'membership' as const, role, to: odd, withAdmin: false },
        { kind: 'default role' as const, role, to: odd },
        {
          kind: 'privileges' as const,
          list: 'SELECT (`a`)',
          database: 's`h',
          object: { kind: '', name: 't' },
          to: odd,
          withGrant: true,
        },
      ],
      left: ['3 grants in an unknown form'],
    };
    assert.deepEqual(parseGlobals(writeGlobals(globals)), globals);
  });

  it('gives nobody anything that is not of its own form', () => {
    const sql =
      'CREATE USER `a`@`%`;\nCREATE USER `a`@`%` ACCOUNT LOCK; DROP DATABASE x;\nSET GLOBAL x = 1;\n';
    assert.deepEqual(parseGlobals(sql), { accounts: [], grants: [], left: [] });
  });
});
