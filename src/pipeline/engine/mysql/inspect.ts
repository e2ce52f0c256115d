import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { EngineContext, Inspection } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { addressOf, type Connection, parseSource } from './connection.ts';
import { refuseUnwritten } from './elsewhere.ts';
import { parseGrants, refuseMissingGrants } from './grants.ts';
import { type InspectionRow, inspectionQuery } from './inspection-query.ts';
import { notesOn } from './notes.ts';
import { selectionNotes } from './selection.ts';
import { openSession, type Server } from './session.ts';
import type { ClientToolsFinder, ToolRequest } from './tools.ts';
import { products } from './version.ts';

/** Looks at the database as the user of the dump will see it. */
export async function inspect(
  database: DatabaseConfig,
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<Inspection> {
  const source = sourceFor(database, ['mysql', 'mariadb']);
  refuseCounts(database);
  const connection = parseSource(source.url);
  const session = await openSession({ connection, context, finder, otherwise: 'DUMP_FAILED' });
  const { server } = session;
  refuseHiding(server, connection);
  const rows = await session.query<InspectionRow>(inspectionQuery);
  const found = rows.find((row) => row.database)?.database;
  if (!found)
    throw new BackupDataError(
      'DUMP_FAILED',
      `the server at ${addressOf(connection)} does not know the database "${connection.database}" that it is asked about`,
    );
  refuseUnwritten(
    rows.flatMap(({ elsewhere }) => elsewhere ?? []),
    source,
  );
  const grants = parseGrants(await session.lines('SHOW GRANTS;'));
  refuseMissingGrants(grants, { server, connection, database: found.name });
  const tools = await finder.choose(neededBy(server), context);
  return {
    engine: {
      name: source.engine,
      serverVersion: server.version,
      toolVersion: tools.version,
      format: `${products[tools.flavour]} SQL`,
    },
    source: { systemIdentifier: server.identity, database: found.name },
    restore: {
      minToolVersion: '',
      ...{ encoding: found.encoding, collate: found.collate, ctype: '', owner: '' },
      settings: [],
      roles: rows.flatMap((row) => row.definer ?? []),
    },
    estimatedSourceBytes: Number(rows.find((row) => row.bytes !== undefined)?.bytes ?? 0),
    notes: [...selectionNotes(source), ...notesOn(rows, source)],
  };
}

/** A dump program cannot be told to set it otherwise, and ends with 0. */
function refuseHiding({ hiding, account }: Server, connection: Connection): void {
  if (hiding.length === 0) return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `the server at ${addressOf(connection)} hides rows from every new connection (${hiding.join(', ')}): a dump would silently lack them`,
    { hint: `Take that out of the server's settings and of its init_connect, at least for ${account}.` },
  );
}

/** A dump program takes a snapshot of its own, which nobody else can look into: rows that were counted beside it would not be its rows. */
function refuseCounts({ name, verify }: DatabaseConfig): void {
  if (verify.counts !== 'exact') return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `verify.counts of ${name}: the rows of a MySQL dump cannot be counted exactly`,
    {
      hint: 'Set it to none; an assertion can say what must be in a restored database.',
    },
  );
}

/** The tools that can dump this server. */
export function neededBy({ flavour, version }: Pick<Server, 'flavour' | 'version'>): ToolRequest {
  const plain = /^[\d.]+/.exec(version)?.[0] ?? version;
  return { flavour, atLeast: version, because: `the server is ${products[flavour]} ${plain}` };
}
