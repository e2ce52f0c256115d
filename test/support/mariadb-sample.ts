import type { TestMariadb } from './mariadb.ts';
import { statements } from './mariadb-client.ts';

/** A database of its own that holds one of every kind of object, and values that are easily broken. */
export async function createSample(server: TestMariadb): Promise<{ database: string; url: string }> {
  const database = await server.createDatabase();
  const url = server.url(database);
  await statements(url, sample);
  return { database, url };
}

/** All of it that must be equal after a restore, read from the server's own tables and not from a dump. */
export async function describeDatabase(url: string): Promise<Record<string, unknown>> {
  const database = decodeURIComponent(new URL(url).pathname.slice(1));
  const described: Record<string, unknown> = {};
  for (const [name, sql] of Object.entries(descriptions)) {
    described[name] = await statements(url, sql);
  }
  const tables = await statements(
    url,
    'SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1',
  );
  for (const [table, type] of tables) {
    const quoted = `\`${table?.replaceAll('`', '``')}\``;
    // A checksum would be of the history too.
    const content =
      type === 'BASE TABLE'
        ? `CHECKSUM TABLE ${quoted} EXTENDED; SELECT '', COUNT(*) FROM ${quoted}`
        : `SELECT '', t.* FROM ${quoted} t ORDER BY 2`;
    const definition = type === 'VIEW' ? '' : `SHOW CREATE TABLE ${quoted};`;
    described[`table ${table}`] = await statements(url, `${definition} ${content}`).then((rows) =>
      rows.map((row) => row.slice(1)),
    );
  }
  return JSON.parse(JSON.stringify(described).replaceAll(database, 'DATABASE'));
}

const descriptions = {
  database:
    'SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE()',
  tables:
    "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, AUTO_INCREMENT, IF(TABLE_TYPE = 'SEQUENCE', '', TABLE_COLLATION), TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1",
  columns:
    'SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, EXTRA, GENERATION_EXPRESSION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2',
  views:
    'SELECT TABLE_NAME, VIEW_DEFINITION, CHECK_OPTION, DEFINER, SECURITY_TYPE FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1',
  routines:
    'SELECT ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, ROUTINE_DEFINITION, IS_DETERMINISTIC, SQL_MODE, DEFINER, DATABASE_COLLATION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY 2, 1',
  parameters:
    'SELECT SPECIFIC_NAME, ORDINAL_POSITION, PARAMETER_MODE, PARAMETER_NAME, DTD_IDENTIFIER FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA = DATABASE() ORDER BY 1, 2',
  triggers:
    'SELECT TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_TIMING, ACTION_STATEMENT, SQL_MODE, DEFINER, DATABASE_COLLATION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1',
  events:
    'SELECT EVENT_NAME, EVENT_DEFINITION, INTERVAL_VALUE, INTERVAL_FIELD, STARTS, STATUS, ON_COMPLETION, EVENT_COMMENT, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1',
  keys: 'SELECT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME, UPDATE_RULE, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1',
  indexes:
    'SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, INDEX_TYPE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2, 3',
};

const sample = String.raw`
SET sql_mode = 'NO_ENGINE_SUBSTITUTION', time_zone = '+00:00';
CREATE SEQUENCE counter START WITH 100 INCREMENT BY 5;
SELECT NEXTVAL(counter);
CREATE TABLE customer (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(80) NOT NULL COMMENT 'as on\nthe "invoice"',
  secret VARCHAR(20) INVISIBLE DEFAULT 'hidden',
  mail VARCHAR(80) GENERATED ALWAYS AS (CONCAT(LOWER(name), '@example.org')) STORED,
  length INT AS (CHAR_LENGTH(name)) VIRTUAL,
  note TEXT CHARACTER SET latin1,
  CHECK (name <> '')
) ENGINE = InnoDB COMMENT = 'who buys';
INSERT INTO customer (name, secret, note) VALUES
  ('Ada', 'a', 'plain'), ('Łukasz 🐘', 'b', 'Größe'), ('O''Brien \\ "x"\n\t', 'c', NULL),
  ('-- Dump completed', 'DELIMITER ;;', 'CREATE DEFINER=' '\n/*!50013 DEFINER=x SQL SECURITY DEFINER */');
ALTER TABLE customer AUTO_INCREMENT = 4711;
CREATE TABLE purchase (
  id BIGINT PRIMARY KEY DEFAULT NEXTVAL(counter),
  customer INT UNSIGNED NOT NULL,
  price DECIMAL(20,4) NOT NULL,
  at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  CONSTRAINT purchase_customer FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE ON UPDATE RESTRICT,
  KEY by_price (price DESC)
) ENGINE = InnoDB;
INSERT INTO purchase (id, customer, price, at) VALUES
  (1, 1, 12345678901234.5678, '2026-03-29 02:30:00.123456'), (2, 2, -0.0001, '0000-00-00 00:00:00');
CREATE TABLE many_types (
  id INT PRIMARY KEY,
  flags BIT(10), raw VARBINARY(300), blob_ LONGBLOB, document JSON, place GEOMETRY, point_ POINT,
  day DATE, moment TIMESTAMP NULL, clock TIME(3), year_ YEAR, choice ENUM('a','b''c'), some SET('x','y'),
  real_ DOUBLE, single FLOAT, wide TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, address INET6, id_ UUID
) ENGINE = InnoDB;
INSERT INTO many_types VALUES
  (1, b'1010101010', X'00FF0A0D275C1A', X'000102030405060708090A0B0C0D0E0F27225C00', '{"a": [1, "ü", null]}',
   ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 4,0 0))'), POINT(1.5, -2.25), '0000-00-00', '2026-01-31 23:59:59',
   '-838:59:59.000', 1999, 'b''c', 'x,y', 1.7976931348623157e308, 3.25, '𝄞 ￿', '2001:db8::1', '123e4567-e89b-12d3-a456-426655440000'),
  (2, NULL, '', '', NULL, NULL, NULL, '2026-02-30', NULL, NULL, NULL, NULL, '', NULL, NULL, '', NULL, NULL);
CREATE TABLE article (id INT PRIMARY KEY, body TEXT, FULLTEXT KEY words (body)) ENGINE = InnoDB;
INSERT INTO article VALUES (1, 'elephants never forget'), (2, 'backups do, unless they are tested');
CREATE TABLE reading (id INT NOT NULL, taken DATE NOT NULL, PRIMARY KEY (id, taken)) ENGINE = InnoDB
  PARTITION BY RANGE (YEAR(taken)) (
    PARTITION old VALUES LESS THAN (2025), PARTITION recent VALUES LESS THAN (2027), PARTITION rest VALUES LESS THAN MAXVALUE);
INSERT INTO reading VALUES (1, '2020-01-01'), (2, '2026-01-01'), (3, '2030-01-01');
CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(200)) ENGINE = InnoDB;
CREATE TABLE ${'`'}odd ${'``'}name; -- "x"${'`'} (${'`'}column ${'``'}1${'`'} INT, ${'`'}select${'`'} INT) ENGINE = InnoDB;
INSERT INTO ${'`'}odd ${'``'}name; -- "x"${'`'} VALUES (1, 2);
CREATE VIEW expensive AS SELECT id, customer, price FROM purchase WHERE price > 10 WITH CHECK OPTION;
CREATE FUNCTION double_of(value BIGINT) RETURNS BIGINT DETERMINISTIC COMMENT 'twice' RETURN value * 2;
CREATE SQL SECURITY INVOKER VIEW expensive_names AS
  SELECT e.id, c.name, double_of(e.id) AS doubled FROM expensive e JOIN customer c ON c.id = e.customer;
DELIMITER //
CREATE PROCEDURE remember(IN what VARCHAR(200), OUT total INT) MODIFIES SQL DATA
BEGIN
  -- A line of a text that looks like one of a dump:
  /*
/*!50013 DEFINER=nobody@nowhere SQL SECURITY DEFINER *!/
ALTER DATABASE other CHARACTER SET utf8mb3 COLLATE utf8mb3_bin ;
INSERT INTO nothing VALUES (1);
  */
  INSERT INTO audit (what) VALUES (CONCAT(what, '-- Dump completed'));
  SELECT COUNT(*) INTO total FROM audit;
END//
CREATE TRIGGER purchase_added AFTER INSERT ON purchase FOR EACH ROW
BEGIN
  INSERT INTO audit (what) VALUES (CONCAT('added ', NEW.id));
END//
CREATE TRIGGER purchase_added_too AFTER INSERT ON purchase FOR EACH ROW FOLLOWS purchase_added
  SET @last = NEW.id//
CREATE TRIGGER customer_renamed BEFORE UPDATE ON customer FOR EACH ROW SET NEW.name = TRIM(NEW.name)//
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' COMMENT 'nightly'
  DO BEGIN DELETE FROM audit WHERE id < 0; END//
CREATE EVENT once_only ON SCHEDULE AT '2037-06-01 00:00:00' ON COMPLETION PRESERVE DISABLE DO SELECT 1//
SET sql_mode = 'ORACLE'//
CREATE PACKAGE tools AS FUNCTION one RETURN INT; END//
CREATE PACKAGE BODY tools AS FUNCTION one RETURN INT AS BEGIN RETURN 1; END; END//
DELIMITER ;
SET sql_mode = '';
ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE FUNCTION later() RETURNS INT DETERMINISTIC RETURN 1;
`;
