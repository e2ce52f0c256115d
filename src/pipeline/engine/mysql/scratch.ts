import { BackupDataError } from '../../../shared/errors.ts';
import { timeOfScratch } from '../../../shared/ids.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, PartReader, RestoreTarget, Scratch } from '../engine.ts';
import { refute } from './assertion.ts';
import { blamesDump } from './blame.ts';
import { addressOf, type Connection, connectionOf, serverOf } from './connection.ts';
import { dropDatabase } from './create-database.ts';
import {
  type DefinitionRow,
  definitionsOf,
  definitionsQuery,
  definitionsStage,
  lackOf,
  parseDefinitions,
} from './definitions.ts';
import { escapePattern, holds, parseGrants } from './grants.ts';
import { identifier, openSession, type Session, type SessionOptions } from './session.ts';
import { refuseOlder } from './target.ts';
import type { ClientToolsFinder } from './tools.ts';
import { flavourOf } from './version.ts';

const day = 86_400_000;

/** Looks at the server, sweeps it, and gives what a drill there needs. */
export async function openScratch(
  { manifest, target, name, at }: { manifest: Manifest; target: RestoreTarget; name: string; at: Date },
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<Scratch> {
  const connection = connectionOf({ ...target, database: name });
  const options: SessionOptions = { connection, context, finder, otherwise: 'RESTORE_FAILED' };
  const session = await openSession({ ...options, connection: serverOf(connection) });
  const { server } = session;
  refuseOlder(manifest, server, connection);
  await refusePowerless(session, connection);
  await sweep(session, new Date(at.getTime() - day));
  const sameProduct = flavourOf(manifest.engine.serverVersion) === server.flavour;
  return {
    target: { ...target, database: name },
    serverVersion: server.version,
    // What the other product does not understand may be in order.
    blames: (failure) => sameProduct && blamesDump(failure),
    missing: ({ parts }) => missingObjects({ manifest, parts }, options),
    // A backup of this engine holds no counts to compare with.
    count: async () => new Map(),
    refute: async (assertion) => refute(await openSession(options), assertion),
    drop: () => dropDatabase(options),
  };
}

/** The dump is read once more, for what it defines. */
async function missingObjects(
  { manifest, parts }: { manifest: Manifest; parts: PartReader },
  options: SessionOptions,
): Promise<readonly string[]> {
  const listing = await parts.collect(dataPartOf(manifest), await definitionsStage(options.context));
  const session = await openSession(options);
  const restored = definitionsOf(await session.query<DefinitionRow>(definitionsQuery));
  return lackOf(parseDefinitions(listing.toString('utf8')), restored);
}

/** All that a dump may ask for; with less a drill would fail in the middle, and seem to say something of the backup. */
const needed = [
  ...['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'REFERENCES', 'INDEX', 'ALTER', 'EXECUTE'],
  ...['CREATE VIEW', 'SHOW VIEW', 'CREATE ROUTINE', 'ALTER ROUTINE', 'EVENT', 'TRIGGER', 'LOCK TABLES'],
];

async function refusePowerless({ lines, server }: Session, connection: Connection): Promise<void> {
  const grants = parseGrants(await lines('SHOW GRANTS;'));
  if (needed.every((privilege) => holds(grants, privilege, connection.database))) return;
  throw new BackupDataError(
    'DATABASE_PERMISSION',
    `user "${connection.user}" may not make and fill a database of a drill at ${addressOf(connection)}`,
    {
      hint: `As an administrator of that server: GRANT ALL PRIVILEGES ON ${identifier(`${escapePattern('bkd_drill_')}%`)}.* TO ${server.account};`,
    },
  );
}

/** What a drill that died left behind. One that is in use, or that this user may not drop, stays. */
async function sweep({ query, lines }: Session, olderThan: Date): Promise<void> {
  const unused = await query<{ name: string }>(`
    SELECT JSON_OBJECT('name', SCHEMA_NAME) FROM information_schema.SCHEMATA
    WHERE SCHEMA_NAME LIKE 'bkd|_drill|_%' ESCAPE '|'
      AND SCHEMA_NAME NOT IN (SELECT DB FROM information_schema.PROCESSLIST WHERE DB IS NOT NULL);`);
  for (const { name } of unused) {
    const made = timeOfScratch(name);
    if (!made || made >= olderThan) continue;
    await lines(`DROP DATABASE IF EXISTS ${identifier(name)};`).catch(() => undefined);
  }
}
