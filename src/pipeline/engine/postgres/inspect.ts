import type { DatabaseConfig, SourceOf } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { RestoreFacts } from '../../../shared/manifest.ts';
import type { EngineContext, Inspection } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { addressOf, type Connection, parseConnection } from './connection.ts';
import { notesOnSelection, refuseOptions } from './dump-options.ts';
import { type InspectionRow, inspectionQuery } from './inspection-query.ts';
import { readSelection, type Selection } from './selection.ts';
import { type Server, withSession } from './session.ts';
import type { ClientToolsFinder } from './tools.ts';

/** Two queries on one connection; more where a selection is dumped. */
export async function inspect(
  database: DatabaseConfig,
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<Inspection> {
  const source = sourceFor(database, ['postgres']);
  refuseOptions(source);
  const connection = parseConnection(source.url);
  const { server, row, selection } = await read(source, connection, context);
  refuseUnreadable(row.unreadable, connection, server);
  const tools = await finder.choose(neededBy(server), context);
  return {
    engine: {
      name: 'postgres',
      serverVersion: server.version,
      toolVersion: tools.version,
      format: 'pg_dump custom',
    },
    source: { systemIdentifier: row.system_identifier, database: row.database },
    restore: { minToolVersion: String(tools.major), ...restoreFacts(row) },
    estimatedSourceBytes: Number(row.bytes),
    notes: [...notesOnSelection(source, selection), ...notesOn(row)],
  };
}

async function read(
  source: SourceOf<'postgres'>,
  connection: Connection,
  context: EngineContext,
): Promise<{ server: Server; row: InspectionRow; selection: Selection }> {
  return withSession({ connection, context, otherwise: 'DUMP_FAILED' }, async (session) => {
    const selection = await readSelection(session, source);
    const { server, query } = session;
    const [row] = await query<InspectionRow>(inspectionQuery(server), [selection.left]);
    if (row) return { server, row, selection };
    throw new BackupDataError(
      'DUMP_FAILED',
      `PostgreSQL at ${addressOf(connection)} does not know the database that it is connected to`,
    );
  });
}

function restoreFacts(row: InspectionRow): Omit<RestoreFacts, 'minToolVersion'> {
  const { encoding, collate, ctype, provider, locale, owner, settings, roles } = row;
  const special = provider && provider !== 'libc' ? { provider, locale: locale ?? '' } : {};
  return { encoding, collate, ctype, ...special, owner, settings, roles };
}

/** The tools that can dump this server. */
export function neededBy({ major }: Pick<Server, 'major'>): { atLeast: number; because: string } {
  return { atLeast: major, because: `the server is PostgreSQL ${major}` };
}

/** pg_dump would fail on the first of them, after everything else was started. */
function refuseUnreadable(unreadable: readonly string[], connection: Connection, server: Server): void {
  if (unreadable.length === 0) return;
  const { user, database } = connection;
  const names = `${unreadable.slice(0, 3).join(', ')}${unreadable.length > 3 ? ' and more' : ''}`;
  const grant =
    server.major >= 14 ? `GRANT pg_read_all_data TO "${user}"` : `grant SELECT on them to "${user}"`;
  throw new BackupDataError(
    'DATABASE_PERMISSION',
    `user "${user}" may not read all of database "${database}" at ${addressOf(connection)}: ${names}`,
    { hint: `As a superuser: ${grant}; where row security is on, ALTER ROLE "${user}" BYPASSRLS as well.` },
  );
}

const tablespacesNote = 'tablespaces: ';

/** The tablespaces that such notes name. */
export function tablespacesIn(notes: readonly string[]): string[] {
  const note = notes.find((each) => each.startsWith(tablespacesNote));
  return note?.slice(tablespacesNote.length).split(', ') ?? [];
}

function notesOn(row: InspectionRow): string[] {
  return [
    ...(row.extensions.length > 0 ? [`extensions: ${row.extensions.join(', ')}`] : []),
    ...(row.subscriptions.length > 0
      ? [
          `subscriptions that are not in this backup, because only a superuser may dump them: ${row.subscriptions.join(', ')}`,
        ]
      : []),
    ...(row.role_settings.length > 0
      ? [
          `settings of roles in this database alone, which a restore does not make: ${row.role_settings.join('; ')}`,
        ]
      : []),
    ...(row.tablespaces.length > 0 ? [`${tablespacesNote}${row.tablespaces.join(', ')}`] : []),
  ];
}
