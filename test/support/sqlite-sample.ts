import { DatabaseSync } from 'node:sqlite';
import type { SourceOf } from '../../src/shared/config/schema.ts';

/** The configuration of a file. */
export function sqliteSource(path: string): SourceOf<'sqlite'> {
  return { engine: 'sqlite', path };
}

/** Opens a file for the time of `use`. */
export function onSqlite<T>(path: string, use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path);
  try {
    return use(database);
  } finally {
    database.close();
  }
}

/** One of every kind of object that SQLite has, in WAL mode and with settings of its own. */
export function createSqliteSample(path: string): void {
  onSqlite(path, (database) => database.exec(sample));
}

const sample = `
  PRAGMA page_size = 8192;
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  PRAGMA user_version = 42;
  PRAGMA application_id = 1111638612;
  CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE, vip INTEGER DEFAULT 0);
  CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id) ON DELETE CASCADE, cents INTEGER CHECK (cents >= 0),
    euros REAL GENERATED ALWAYS AS (cents / 100.0) STORED, label TEXT AS ('order ' || id) VIRTUAL);
  CREATE TABLE "odd ""name"" 'ü'" ("a b" TEXT, value);
  CREATE TABLE settings (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE files (path TEXT UNIQUE, content BLOB);
  CREATE TABLE empty (never);
  CREATE INDEX orders_customer ON orders (customer DESC, cents);
  CREATE INDEX vips ON customers (name) WHERE vip = 1;
  CREATE INDEX lowered ON customers (lower(name));
  CREATE VIEW totals AS SELECT customer, sum(cents) AS cents FROM orders GROUP BY customer;
  CREATE TABLE log (at INTEGER, what TEXT);
  CREATE TRIGGER logged AFTER INSERT ON orders BEGIN INSERT INTO log VALUES (new.id, 'insert'); END;
  CREATE TRIGGER totals_insert INSTEAD OF INSERT ON totals BEGIN INSERT INTO orders (customer, cents) VALUES (new.customer, new.cents); END;
  CREATE VIRTUAL TABLE notes USING fts5 (title, body);
  CREATE TABLE articles (title TEXT, body TEXT);
  CREATE VIRTUAL TABLE articles_index USING fts5 (title, body, content = 'articles');
  CREATE VIRTUAL TABLE places USING rtree (id, minX, maxX, minY, maxY);
  INSERT INTO customers (name, vip) VALUES ('Ada', 1), ('Björn', 0), ('it''s', 1), ('zero' || char(0) || 'byte', 0);
  DELETE FROM customers WHERE name = 'it''s';
  INSERT INTO orders (customer, cents) VALUES (1, 1999), (2, 0), (1, 9223372036854775807);
  INSERT INTO totals VALUES (2, 5);
  INSERT INTO "odd ""name"" 'ü'" VALUES ('text', NULL), (x'00ff', 1.5), ('', -9223372036854775808);
  INSERT INTO settings VALUES ('a', 1), ('b', 'two'), ('c', x'03');
  WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 300)
    INSERT INTO files SELECT 'file' || i, randomblob(i * 20) FROM c;
  DELETE FROM files WHERE rowid % 3 = 0;
  INSERT INTO notes VALUES ('backup', 'restore it before you need it'), ('other', 'nothing');
  INSERT INTO articles (rowid, title, body) VALUES (7, 'seven', 'lucky words'), (900, 'far', 'distant words');
  INSERT INTO articles_index (articles_index) VALUES ('rebuild');
  INSERT INTO places VALUES (1, 0, 1, 0, 1), (2, 5, 6, 5, 6);
  ANALYZE;
`;

const settings = ['user_version', 'application_id', 'journal_mode', 'encoding', 'page_size', 'auto_vacuum'];

/** Settings, definitions, every row with its number, and what only an index could find, as plain data. */
export function contentOf(path: string): unknown {
  return onSqlite(path, (database) => {
    const schema = database
      .prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name')
      .all();
    const tables = database
      .prepare(
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type <> 'view' ORDER BY name",
      )
      .all();
    return {
      settings: settings.map((name) => ({ ...database.prepare(`PRAGMA ${name}`).get() })),
      schema: schema.map((row) => ({ ...row })),
      rows: tables.map(({ name, wr }) => [name, rowsOf(database, String(name), wr === 1)]),
      sound: database.prepare('PRAGMA integrity_check').all(),
      found: schema.some(({ name }) => name === 'notes') ? searches(database) : [],
    };
  });
}

function rowsOf(database: DatabaseSync, name: string, withoutRowid: boolean): unknown[] {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  const statement = database.prepare(
    withoutRowid ? `SELECT * FROM ${quoted}` : `SELECT rowid AS "its number", * FROM ${quoted}`,
  );
  statement.setReadBigInts(true);
  // sqlite_schema says which pages the tables begin on.
  return name === 'sqlite_schema' ? [] : statement.all().map((row) => ({ ...row }));
}

function searches(database: DatabaseSync): unknown[] {
  return [
    database.prepare("SELECT title FROM notes WHERE notes MATCH 'restore'").all(),
    database.prepare("SELECT rowid, title FROM articles_index WHERE articles_index MATCH 'words'").all(),
    database.prepare('SELECT id FROM places WHERE minX > 2').all(),
  ].map((rows) => rows.map((row) => ({ ...row })));
}
