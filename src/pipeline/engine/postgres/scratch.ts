import pg from 'pg';
import { BackupDataError } from '../../../shared/errors.ts';
import { timeOfScratch } from '../../../shared/ids.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, RestoreTarget, Scratch } from '../engine.ts';
import { neededFor, readToc } from './archive.ts';
import { refute } from './assertion.ts';
import { blamesArchive } from './blame.ts';
import { addressOf, type Connection, connectionOf } from './connection.ts';
import { dropDatabase, onServer } from './create-database.ts';
import { missingObjects } from './presence.ts';
import { countRows, listCountedTables } from './row-counts.ts';
import { type Server, type Session, withSession } from './session.ts';
import type { ClientToolsFinder } from './tools.ts';

const day = 86_400_000;

/** Looks at the server, sweeps it, and gives what a drill there needs. */
export async function openScratch(
  { manifest, target, name, at }: { manifest: Manifest; target: RestoreTarget; name: string; at: Date },
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<Scratch> {
  const connection = connectionOf({ ...target, database: name });
  const server = await onServer(connection, context, async (session) => {
    refuseOlder(session, manifest, connection);
    await refusePowerless(session, connection);
    await sweep(session, new Date(at.getTime() - day));
    return session.server;
  });
  return {
    target: { ...target, database: name },
    serverVersion: server.version,
    blames: blamesArchive,
    missing: async (backup) => {
      const tools = await finder.choose(neededFor(manifest, server), context);
      const toc = await readToc({ ...backup, part: dataPartOf(manifest), tools }, context);
      const missing = await missingObjects({ toc, connection, tools, manifest }, context);
      await withSession({ connection, context, otherwise: 'RESTORE_FAILED' }, liftForcedPolicies);
      return missing;
    },
    count: () =>
      withSession({ connection, context, otherwise: 'RESTORE_FAILED' }, async (session) =>
        countRows(session, await listCountedTables(session)),
      ),
    refute: (assertion) => refute(assertion, connection, context),
    drop: () => dropDatabase(connection, context),
  };
}

/** An archive may use what an older server does not understand; that it fails there says nothing of it. */
function refuseOlder({ server }: { server: Server }, { engine }: Manifest, connection: Connection): void {
  if (server.major >= Number.parseInt(engine.serverVersion, 10)) return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `the server at ${addressOf(connection)} is PostgreSQL ${server.major}, and the backup is of PostgreSQL ${engine.serverVersion}`,
    { hint: 'Hold the drill on a server that is at least as new: --target NAME, or verify.target.' },
  );
}

async function refusePowerless({ query }: Session, connection: Connection): Promise<void> {
  const [row] = await query<{ may: boolean }>(
    'select rolcreatedb or rolsuper as may from pg_roles where rolname = current_user',
  );
  if (row?.may) return;
  const user = pg.escapeIdentifier(connection.user);
  throw new BackupDataError(
    'DATABASE_PERMISSION',
    `user ${user} may not create a database at ${addressOf(connection)}, which a drill needs`,
    { hint: `As a superuser of that server: ALTER ROLE ${user} CREATEDB.` },
  );
}

/** Where row security is forced it hides rows from their owner, who is the drill's user: they are there all the same. */
async function liftForcedPolicies({ query }: Session): Promise<void> {
  const forced = await query<{ name: string }>(
    'select oid::regclass::text as name from pg_class where relforcerowsecurity',
  );
  for (const { name } of forced) await query(`ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY`);
}

/** What a drill that died left behind. One that is in use, or another user's, stays. */
async function sweep({ query }: Session, olderThan: Date): Promise<void> {
  const unused = await query<{ name: string }>(`
    select datname::text as name from pg_database d
    where datname like 'bkd\\_drill\\_%' and not exists (select from pg_stat_activity where datid = d.oid)`);
  for (const { name } of unused) {
    const made = timeOfScratch(name);
    if (!made || made >= olderThan) continue;
    await query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)}`).catch(() => undefined);
  }
}
