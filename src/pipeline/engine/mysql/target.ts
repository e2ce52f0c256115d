import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { addressOf, type Connection } from './connection.ts';
import { alikeNames } from './notes.ts';
import { isCurrent, isSameName } from './same-name.ts';
import { literal, type Server, type Session } from './session.ts';
import { flavourOf, isAsNew, products } from './version.ts';

/** A dump may use what an older server does not understand. CONFIG_INVALID. */
export function refuseOlder({ engine }: Manifest, server: Server, connection: Connection): void {
  if (flavourOf(engine.serverVersion) !== server.flavour) return;
  if (isAsNew(server.version, engine.serverVersion)) return;
  const product = products[server.flavour];
  throw new BackupDataError(
    'CONFIG_INVALID',
    `the server at ${addressOf(connection)} is ${product} ${server.version}, and the backup is of ${product} ${engine.serverVersion}`,
    { hint: 'Use a server that is at least as new as the one that was backed up.' },
  );
}

/** One of two tables would take the other's place, and nothing would say so. CONFIG_INVALID. */
export function refuseAlike({ notes }: Manifest, { foldsNames }: Server, connection: Connection): void {
  const note = foldsNames ? notes.find((each) => each.startsWith(alikeNames)) : undefined;
  if (note === undefined) return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `the server at ${addressOf(connection)} does not tell these tables apart, which are ${note}`,
    {
      hint: 'Use a server with lower_case_table_names = 0, or restore them one by one with --table into different databases.',
    },
  );
}

/** TARGET_EXISTS when the server has a database of that name, as far as this user can see. */
export async function refuseExisting({ query }: Session, connection: Connection): Promise<void> {
  const found = await query<unknown>(
    `SELECT JSON_OBJECT('name', SCHEMA_NAME) FROM information_schema.SCHEMATA
      WHERE ${isSameName('SCHEMA_NAME', literal(connection.database))};`,
  );
  if (found.length > 0) throw targetExists(connection);
}

export function targetExists(connection: Connection): BackupDataError {
  return new BackupDataError(
    'TARGET_EXISTS',
    `the database "${connection.database}" exists already at ${addressOf(connection)}`,
    { hint: 'Choose another name, or leave out --create and restore into it.' },
  );
}

/** What the session's database holds, in words; empty for an empty database. */
export async function contentsOf({ query }: Session): Promise<readonly string[]> {
  const rows = await query<{ kind: string; count: number }>(`
    SELECT JSON_OBJECT('kind', 'tables, views and sequences', 'count', COUNT(*))
      FROM information_schema.TABLES WHERE ${isCurrent('TABLE_SCHEMA')};
    SELECT JSON_OBJECT('kind', 'routines', 'count', COUNT(*))
      FROM information_schema.ROUTINES WHERE ${isCurrent('ROUTINE_SCHEMA')};
    SELECT JSON_OBJECT('kind', 'events', 'count', COUNT(*))
      FROM information_schema.EVENTS WHERE ${isCurrent('EVENT_SCHEMA')};`);
  return rows.filter(({ count }) => count > 0).map(({ kind, count }) => `${count} ${kind}`);
}
