import { storedElsewhere, type TableElsewhere } from './elsewhere.ts';
import { isCurrent } from './same-name.ts';

export interface TableColumn {
  table: string;
  column: string;
}

/** Everything that a backup records of its database, one row of each. */
export interface InspectionRow {
  database?: { name: string; encoding: string; collate: string };
  bytes?: string;
  /** A table whose rows a transaction does not hold still, and its storage engine. */
  unsteady?: { name: string; engine: string };
  /** A table whose rows no dump program writes, and its storage engine. */
  elsewhere?: TableElsewhere;
  /** A column whose numbers the server prints with six digits: a FLOAT without decimals of its own, which is not computed anew. */
  rounded?: TableColumn;
  /** A column of a character set with bytes that have no meaning: on their way into a dump these are lost. */
  lossy?: TableColumn;
  /** A table, view or sequence whose name differs from another's in case alone. */
  alike?: string;
  /** A table that keeps rows which were changed or deleted. */
  versioned?: string;
  /** An event that does not run because the server is a replica. */
  replicated?: string;
  /** A routine, trigger or event whose text names its own database. */
  naming?: string;
  /** `user@host`, in whose name a view, routine, trigger or event acts; a role has no host, and the server writes some without the "@". */
  definer?: string;
}

const engines = quoted(storedElsewhere);

/** Whose every byte, or every letter that can be stored, has a meaning in Unicode; and ascii, where others are no text. */
const lossless = quoted([
  ...['utf8', 'utf8mb3', 'utf8mb4', 'ucs2', 'utf16', 'utf16le', 'utf32', 'gb18030', 'binary', 'ascii'],
  ...['latin1', 'latin2', 'latin5', 'latin7', 'cp850', 'cp852', 'cp866', 'koi8r', 'koi8u'],
  ...['keybcs2', 'macce', 'macroman'],
]);

/** Rows of `InspectionRow`s, each with one member. Lists are rows and no aggregates: those are cut at a limit of the server. */
export const inspectionQuery = `
  SELECT JSON_OBJECT('database', JSON_OBJECT(
      'name', SCHEMA_NAME, 'encoding', DEFAULT_CHARACTER_SET_NAME, 'collate', DEFAULT_COLLATION_NAME))
    FROM information_schema.SCHEMATA WHERE ${isCurrent('SCHEMA_NAME')};
  SELECT JSON_OBJECT('bytes', CAST(COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS CHAR))
    FROM information_schema.TABLES WHERE ${isCurrent('TABLE_SCHEMA')};
  SELECT JSON_OBJECT('unsteady', JSON_OBJECT('name', t.TABLE_NAME, 'engine', t.ENGINE))
    FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
    WHERE ${isCurrent('t.TABLE_SCHEMA')} AND t.TABLE_TYPE <> 'SEQUENCE' AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'
      AND t.ENGINE NOT IN ('BLACKHOLE', ${engines})
    ORDER BY t.TABLE_NAME;
  SELECT JSON_OBJECT('elsewhere', JSON_OBJECT('name', TABLE_NAME, 'engine', ENGINE, 'options', COALESCE(CREATE_OPTIONS, '')))
    FROM information_schema.TABLES WHERE ${isCurrent('TABLE_SCHEMA')} AND ENGINE IN (${engines}) ORDER BY TABLE_NAME;
  SELECT JSON_OBJECT(IF(DATA_TYPE = 'float', 'rounded', 'lossy'), JSON_OBJECT('table', TABLE_NAME, 'column', COLUMN_NAME))
    FROM information_schema.COLUMNS
    WHERE ${isCurrent('TABLE_SCHEMA')}
      AND (DATA_TYPE = 'float' AND NUMERIC_SCALE IS NULL OR CHARACTER_SET_NAME NOT IN (${lossless}))
      AND COALESCE(GENERATION_EXPRESSION, '') = '' AND CAST(TABLE_NAME AS BINARY) NOT IN (
        SELECT CAST(TABLE_NAME AS BINARY) FROM information_schema.VIEWS WHERE ${isCurrent('TABLE_SCHEMA')})
    ORDER BY TABLE_NAME, ORDINAL_POSITION;
  SELECT JSON_OBJECT('alike', TABLE_NAME)
    FROM information_schema.TABLES WHERE ${isCurrent('TABLE_SCHEMA')} AND CAST(LOWER(TABLE_NAME) AS BINARY) IN (
      SELECT CAST(LOWER(TABLE_NAME) AS BINARY) AS lower FROM information_schema.TABLES
        WHERE ${isCurrent('TABLE_SCHEMA')} GROUP BY lower HAVING COUNT(*) > 1)
    ORDER BY CAST(LOWER(TABLE_NAME) AS BINARY), CAST(TABLE_NAME AS BINARY);
  SELECT JSON_OBJECT('versioned', TABLE_NAME)
    FROM information_schema.TABLES WHERE ${isCurrent('TABLE_SCHEMA')} AND TABLE_TYPE = 'SYSTEM VERSIONED'
    ORDER BY TABLE_NAME;
  SELECT JSON_OBJECT('replicated', EVENT_NAME)
    FROM information_schema.EVENTS
    WHERE ${isCurrent('EVENT_SCHEMA')} AND STATUS IN ('SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED') ORDER BY EVENT_NAME;
  SELECT JSON_OBJECT('naming', what) FROM (
      SELECT CONCAT(ROUTINE_TYPE, ' ', ROUTINE_NAME) AS what, ROUTINE_DEFINITION AS body
        FROM information_schema.ROUTINES WHERE ${isCurrent('ROUTINE_SCHEMA')}
      UNION ALL SELECT CONCAT('TRIGGER ', TRIGGER_NAME), ACTION_STATEMENT
        FROM information_schema.TRIGGERS WHERE ${isCurrent('TRIGGER_SCHEMA')}
      UNION ALL SELECT CONCAT('EVENT ', EVENT_NAME), EVENT_DEFINITION
        FROM information_schema.EVENTS WHERE ${isCurrent('EVENT_SCHEMA')}) bodies
    WHERE LOCATE(CONCAT(DATABASE(), '.'), body) > 0 OR LOCATE(CONCAT('\`', DATABASE(), '\`'), body) > 0
    ORDER BY what;
  SELECT DISTINCT JSON_OBJECT('definer', IF(LOCATE('@', DEFINER) = 0, CONCAT(DEFINER, '@'), DEFINER)) FROM (
      SELECT DEFINER FROM information_schema.VIEWS WHERE ${isCurrent('TABLE_SCHEMA')}
      UNION SELECT DEFINER FROM information_schema.ROUTINES WHERE ${isCurrent('ROUTINE_SCHEMA')}
      UNION SELECT DEFINER FROM information_schema.TRIGGERS WHERE ${isCurrent('TRIGGER_SCHEMA')}
      UNION SELECT DEFINER FROM information_schema.EVENTS WHERE ${isCurrent('EVENT_SCHEMA')}) definers
    ORDER BY 1;
`;

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
