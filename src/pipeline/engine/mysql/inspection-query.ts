import { isCurrent } from './same-name.ts';

/** Everything that a backup records of its database, one row of each. */
export interface InspectionRow {
  database?: { name: string; encoding: string; collate: string };
  bytes?: string;
  /** A table whose rows a transaction does not hold still, and its storage engine. */
  unsteady?: { name: string; engine: string };
  /** A table that keeps rows which were changed or deleted. */
  versioned?: string;
  /** An event that does not run because the server is a replica. */
  replicated?: string;
  /** A routine, trigger or event whose text names its own database. */
  naming?: string;
  /** `user@host`, in whose name a view, routine, trigger or event acts; a role has no host, and the server writes some without the "@". */
  definer?: string;
}

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
    ORDER BY t.TABLE_NAME;
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
