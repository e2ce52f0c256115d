import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { describeDatabase } from '../../support/mariadb-sample.ts';

it('a MariaDB database of everything that is rare comes back as it was', () =>
  withEngineRun(async ({ backUp, restoreTo, verify }) => {
    const server = await sharedMariadb();
    try {
      const url = server.url(await server.createDatabase());
      await statements(url, [head, values, names, keys, tables, programs].join('\n'));
      const expected = await describeDatabase(url);
      const manifest = await backUp(mariadbSource(url));
      assert.deepEqual(manifest.notes.slice(0, 3), [
        'not of one moment with the rest, because their storage engine has no transactions: searched (Aria)',
        'bytes that their character set does not define come back as "?": texts (sj)',
        'without the history that these tables keep of their rows: versioned, versioned_parts',
      ]);
      await verify(manifest, 'decode');
      const name = server.uniqueName();
      await restoreTo(manifest, { source: mariadbSource(server.adminUrl), database: name }, { create: true });
      assert.deepEqual(await describeDatabase(server.url(name)), expected);
    } finally {
      await server.stop();
    }
  }));

const head = `SET sql_mode = 'NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', foreign_key_checks = 0;`;

const values = String.raw`
CREATE TABLE times (
  d DATE NOT NULL DEFAULT '0000-00-00', dt DATETIME DEFAULT '0000-00-00 00:00:00', zero TIMESTAMP NULL DEFAULT '0000-00-00 00:00:00',
  own TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, last TIMESTAMP(6) NULL, y YEAR, t TIME(6));
INSERT INTO times VALUES
  ('0000-00-00', '2026-00-00', '0000-00-00', '2026-10-25 00:30:00', '2038-01-19 03:14:07.999999', 0, '-838:59:59.999999'),
  ('2026-02-31', '0000-00-00', '1970-01-01 00:00:01', '2026-10-25 01:30:00', NULL, 2155, '00:00:00.000001');
CREATE TABLE texts (
  id INT PRIMARY KEY, l VARCHAR(20) CHARACTER SET latin1, u3 VARCHAR(20) CHARACTER SET utf8mb3, b VARBINARY(20), fixed BINARY(5),
  c CHAR(10) CHARACTER SET latin1, u16 VARCHAR(10) CHARACTER SET utf16, sj VARCHAR(10) CHARACTER SET sjis, national NCHAR(5), t TEXT);
INSERT INTO texts VALUES
  (1, X'80818D8F909D9FA0FF', 'ü', X'FFFE00', X'00FF', 'trail  ', '𝄞a', 'ソ表', 'ä', CONCAT('\0', CHAR(8, 9, 10, 13, 26), '\\''"%_')),
  (2, '', '', '', '', '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE numbers (d DOUBLE, b1 BIT(1), b64 BIT(64), widest DECIMAL(65,30), big BIGINT UNSIGNED, filled INT(10) ZEROFILL, yes BOOL);
INSERT INTO numbers VALUES
  (0.1 + 0.2e0, 1, X'FFFFFFFFFFFFFFFF', -99999999999999999999999999999999999.999999999999999999999999999999, 18446744073709551615, 7, TRUE),
  (-0e0, 0, 0, 0, 0, 0, FALSE), (1 / 3e0, NULL, NULL, NULL, NULL, NULL, NULL), (5e-324, NULL, NULL, NULL, NULL, NULL, NULL),
  (2.2250738585072014e-308, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE others (
  id INT PRIMARY KEY, u UUID, i4 INET4, i6 INET6, j JSON, s SET('a', 'b', 'c''d'), e ENUM('', 'x', 'Ü') CHARACTER SET utf8mb3,
  packed VARCHAR(100) COMPRESSED, packed_too BLOB COMPRESSED, g GEOMETRY REF_SYSTEM_ID = 4326 NOT NULL, SPATIAL INDEX (g));
INSERT INTO others VALUES
  (1, '123e4567-e89b-12d3-a456-426655440000', '10.0.0.1', '::ffff:1.2.3.4', '{"a": 1.0e5}', 'a,b', '', REPEAT('packed', 9),
   REPEAT(X'00FF', 200), ST_GeomFromText('LINESTRING(0 0,1 1)', 4326)),
  (2, '00000000-0000-0000-0000-000000000000', NULL, NULL, NULL, '', 'Ü', '', '', ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))'));
`;

const names = `
CREATE TABLE \`select\` (\`from\` INT, \`where\`\`x\` INT, \` lead\` INT, \`ünï\` INT, \`a.b\` INT, \`%\` INT) COMMENT = 'it''s "q" \\\\ \\n';
INSERT INTO \`select\` VALUES (1, 2, 3, 4, 5, 6);
CREATE TABLE \`${'long name '.repeat(6)}1234\` (\`${'ü'.repeat(64)}\` INT, KEY \`${'k'.repeat(64)}\` (\`${'ü'.repeat(64)}\`));
INSERT INTO \`${'long name '.repeat(6)}1234\` VALUES (1);
CREATE VIEW before_it AS SELECT 1 AS \`a"b\`;
CREATE VIEW on_it AS SELECT \`from\`, \`where\`\`x\`, \`a.b\` FROM \`select\` WITH LOCAL CHECK OPTION;
CREATE OR REPLACE ALGORITHM = TEMPTABLE VIEW before_it AS SELECT COUNT(*) AS \`a"b\` FROM on_it;
CREATE VIEW numbered AS WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5)
  SELECT n, ROW_NUMBER() OVER (ORDER BY n DESC) AS rank_ FROM r;
`;

const keys = `
CREATE TABLE own_parent (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES own_parent (id));
INSERT INTO own_parent VALUES (1, 3), (3, 4), (5, 99);
CREATE TABLE from_zero (id INT AUTO_INCREMENT PRIMARY KEY);
SET sql_mode = 'NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO';
INSERT INTO from_zero VALUES (0), (-5), (3);
SET sql_mode = 'NO_ENGINE_SUBSTITUTION';
CREATE TABLE to_the_end (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY);
INSERT INTO to_the_end VALUES (18446744073709551614);
CREATE TABLE ignoring (a INT, b INT, KEY k (a) IGNORED, KEY backwards (a DESC, b));
CREATE TABLE hashed (b BLOB, t TEXT, UNIQUE (b), UNIQUE USING HASH (t));
INSERT INTO hashed VALUES (REPEAT('a', 5000), REPEAT('ü', 5000)), (NULL, NULL);
CREATE TABLE searched (id INT PRIMARY KEY, t TEXT, FULLTEXT f (t)) ENGINE = Aria;
INSERT INTO searched VALUES (1, 'hello world');
CREATE TABLE checked (a INT CHECK (a > 0), b INT, CHECK (b IN (1, 2, 3) AND a < b * 10), CONSTRAINT \`c\`\`k\` CHECK (CHAR_LENGTH(b) <> 5));
SET check_constraint_checks = 0;
INSERT INTO checked VALUES (1, 1), (-1, 7);
SET check_constraint_checks = 1;
CREATE SEQUENCE cycling START 10 INCREMENT -3 MAXVALUE 100 MINVALUE -1000 CACHE 7 CYCLE;
CREATE SEQUENCE far NOCACHE;
CREATE SEQUENCE untouched;
SELECT NEXTVAL(cycling), NEXTVAL(cycling), SETVAL(far, 9223372036854775000);
`;

const tables = `
CREATE TABLE hiding (id INT INVISIBLE PRIMARY KEY AUTO_INCREMENT, a INT, b INT INVISIBLE DEFAULT 5, c INT AS (a + 1) VIRTUAL INVISIBLE);
INSERT INTO hiding (a) VALUES (1), (2);
INSERT INTO hiding (id, a, b) VALUES (77, 3, 9);
CREATE TABLE computed (a INT, b INT AS (a * 2) PERSISTENT, c JSON AS (JSON_OBJECT('a', a)) VIRTUAL, KEY (b));
INSERT INTO computed (a) VALUES (1), (NULL);
CREATE TABLE defaults (
  id INT PRIMARY KEY, a VARCHAR(50) DEFAULT (CONCAT('x', UPPER('y'))), b INT DEFAULT (1 + 2), c DATETIME DEFAULT (NOW() + INTERVAL 1 DAY),
  d BLOB DEFAULT (X'00FF'), e VARCHAR(36) DEFAULT (UUID()), f TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  g INT DEFAULT (b * 2));
INSERT INTO defaults (id) VALUES (1), (2);
CREATE TABLE versioned (
  x INT, rs TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, re TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE,
  PERIOD FOR SYSTEM_TIME (rs, re)) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1);
UPDATE versioned SET x = 2;
CREATE TABLE versioned_parts (x INT, y INT WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING
  PARTITION BY SYSTEM_TIME (PARTITION h HISTORY, PARTITION c CURRENT);
INSERT INTO versioned_parts VALUES (1, 1);
CREATE TABLE valid (a INT, s DATE, e DATE, PERIOD FOR p (s, e), UNIQUE (a, p WITHOUT OVERLAPS));
INSERT INTO valid VALUES (1, '2020-01-01', '2021-01-01');
CREATE TABLE halves (id INT, d DATETIME, PRIMARY KEY (id, d)) PARTITION BY RANGE COLUMNS (d) SUBPARTITION BY HASH (id) SUBPARTITIONS 2
  (PARTITION p0 VALUES LESS THAN ('2020-01-01'), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO halves VALUES (1, '2019-01-01'), (2, '2026-01-01');
CREATE TABLE listed (id INT, c VARCHAR(5)) PARTITION BY LIST COLUMNS (c)
  (PARTITION a VALUES IN ('ä', 'b'), PARTITION n VALUES IN (NULL), PARTITION d DEFAULT);
INSERT INTO listed VALUES (1, 'ä'), (2, NULL), (3, 'zz');
CREATE TABLE by_key (id INT PRIMARY KEY) PARTITION BY KEY (id) PARTITIONS 3;
INSERT INTO by_key VALUES (1), (2), (3);
`;

const programs = String.raw`
DELIMITER //
CREATE AGGREGATE FUNCTION sum_of(x INT) RETURNS INT
BEGIN
  DECLARE s INT DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN s;
  LOOP FETCH GROUP NEXT ROW; SET s = s + x; END LOOP;
END//
CREATE PROCEDURE weird() COMMENT 'it''s; DELIMITER $$ \\ '
BEGIN
-- DELIMITER ;
DELIMITER: LOOP LEAVE DELIMITER; END LOOP;
SELECT ';;', "
DELIMITER ;
", '*/', '/*!50003 x';
END//
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'//
CREATE PROCEDURE ansi(IN "a b" VARCHAR(10)) BEGIN SELECT 'x\' || "a b"; END//
CREATE TRIGGER checked_first BEFORE INSERT ON checked FOR EACH ROW SET @x = 'a\' || 'b'//
SET time_zone = '+05:30'//
CREATE EVENT hourly ON SCHEDULE EVERY 1 HOUR STARTS '2037-01-01 00:00:00' ENDS '2037-06-01 00:00:00' ON COMPLETION PRESERVE
  DO DELETE FROM checked WHERE a < 0//
CREATE EVENT later ON SCHEDULE AT '2037-01-01 00:00:00' DO SELECT 1//
DELIMITER ;
`;
