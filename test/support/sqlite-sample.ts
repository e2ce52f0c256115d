import { DatabaseSync } from 'node:sqlite';
import type { Source } from '../../src/shared/config/schema.ts';

export function sqliteSource(path: string): Source {
  return { engine: 'sqlite', path };
}

export function pathIn(source: Source): string {
  if (source.engine === 'sqlite') return source.path;
  throw new Error(`a source of ${source.engine} has no path`);
}

/** Opens the file with the library that is built into Node, and closes it whatever happens. */
export function withDatabase<T>(path: string, use: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path, { timeout: 20_000 });
  try {
    return use(database);
  } finally {
    database.close();
  }
}

/** Makes a database with one of every kind of object. */
export function createSample(path: string): void {
  withDatabase(path, (database) => database.exec(sample));
}

const sample =
  `
PRAGMA journal_mode = wal;
PRAGMA user_version = 42;
PRAGMA application_id = 1234567;
CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE UNIQUE, photo BLOB, score REAL);
INSERT INTO customer (name, photo, score) VALUES ('Ann''s', x'00ff0a', 1.5), ('Öğe ✓', NULL, -0.25), ('gone', NULL, NULL);
DELETE FROM customer WHERE name = 'gone';
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer (id) ON DELETE CASCADE,
  cents INTEGER NOT NULL CHECK (cents >= 0), net INTEGER GENERATED ALWAYS AS (cents * 100 / 119) STORED,
  label TEXT GENERATED ALWAYS AS ('order ' || id) VIRTUAL);
INSERT INTO orders (id, customer, cents) SELECT value, 1 + value % 2, value * 7 FROM generate_series_of;
`.replace(
    'FROM generate_series_of',
    'FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 3000) SELECT value FROM n)',
  ) +
  `
CREATE INDEX orders_customer ON orders (customer, cents DESC);
CREATE UNIQUE INDEX orders_large ON orders (id) WHERE cents > 10000;
CREATE INDEX customer_lower ON customer (lower(name));
CREATE TABLE setting (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
INSERT INTO setting VALUES ('number', 1), ('text', 'one'), ('bytes', x'01');
CREATE TABLE "odd ""name"" ; --" ("a b" TEXT, '' INT);
INSERT INTO "odd ""name"" ; --" VALUES ('.quit', 9223372036854775807);
CREATE VIEW totals AS SELECT customer, sum(cents) AS cents FROM orders GROUP BY customer;
CREATE TABLE audit (what TEXT);
CREATE TRIGGER orders_deleted AFTER DELETE ON orders BEGIN INSERT INTO audit VALUES ('deleted ' || old.id); END;
DELETE FROM orders WHERE id = 7;
CREATE VIRTUAL TABLE note USING fts5 (title, body);
INSERT INTO note VALUES ('first', 'the quick brown fox'), ('second', 'jumps over');
`;

/** Definitions, rows and settings, as plain data. */
export function contentOf(path: string): unknown {
  return withDatabase(path, (database) => {
    const rows = (sql: string): unknown[] => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement.all().map((row) => ({ ...row }));
    };
    const schema = database
      .prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name')
      .all() as { type: string; name: string; tbl_name: string; sql: string }[];
    const settings = [
      'user_version',
      'application_id',
      'encoding',
      'page_size',
      'auto_vacuum',
      'journal_mode',
    ];
    return {
      schema: schema.map((row) => ({ ...row })),
      settings: settings.map((name) => rows(`PRAGMA ${name}`)),
      content: schema
        .filter(({ type }) => type === 'table' || type === 'view')
        .map(({ name }) => [name, rows(`SELECT * FROM "${name.replaceAll('"', '""')}"`)]),
      found: schema.some(({ name }) => name === 'note')
        ? rows("SELECT title FROM note WHERE note MATCH 'quick'")
        : [],
    };
  });
}
