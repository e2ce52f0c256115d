import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGlobals } from '../../../../../src/pipeline/engine/postgres/globals-sql.ts';

const sql = String.raw`--
-- PostgreSQL database cluster dump
--

\restrict abc

SET standard_conforming_strings = on;

CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER INHERIT LOGIN VALID UNTIL '2030-01-01 00:00:00+00';
COMMENT ON ROLE app IS 'first; second
-- not a comment
\not a command ''quoted''';
CREATE ROLE "my ""odd; role";
ALTER ROLE "my ""odd; role" WITH SUPERUSER NOLOGIN;

ALTER ROLE app SET search_path TO 'a', 'b';

GRANT "my ""odd; role" TO app WITH ADMIN OPTION GRANTED BY postgres;
GRANT app TO postgres WITH INHERIT TRUE GRANTED BY "some one";

CREATE TABLESPACE fast OWNER app LOCATION '/fast';

\unrestrict abc
-- PostgreSQL database cluster dump complete
`;

describe('globals.sql', () => {
  const { roles, memberships } = parseGlobals(sql);

  it('gives each role with all of its statements', () => {
    assert.deepEqual(
      roles.map(({ name, login }) => [name, login]),
      [
        ['app', true],
        ['my "odd; role', false],
      ],
    );
    assert.deepEqual(roles[0]?.statements, [
      'CREATE ROLE app',
      "ALTER ROLE app WITH NOSUPERUSER INHERIT LOGIN VALID UNTIL '2030-01-01 00:00:00+00'",
      "COMMENT ON ROLE app IS 'first; second\n-- not a comment\n\\not a command ''quoted'''",
      "ALTER ROLE app SET search_path TO 'a', 'b'",
    ]);
    assert.deepEqual(roles[1]?.statements, [
      'CREATE ROLE "my ""odd; role"',
      'ALTER ROLE "my ""odd; role" WITH SUPERUSER NOLOGIN',
    ]);
  });

  it('gives memberships without their grantors', () => {
    assert.deepEqual(memberships, [
      {
        granted: 'my "odd; role',
        member: 'app',
        statement: 'GRANT "my ""odd; role" TO app WITH ADMIN OPTION',
      },
      { granted: 'app', member: 'postgres', statement: 'GRANT app TO postgres WITH INHERIT TRUE' },
    ]);
  });

  it('may be empty', () => {
    assert.deepEqual(parseGlobals(''), { roles: [], memberships: [] });
  });
});
