import pg from 'pg';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import type { PartReader } from '../engine.ts';
import { addressOf, type Connection } from './connection.ts';
import { onServer, type ServerContext, uninterrupted } from './create-database.ts';
import { type Membership, parseGlobals, type RoleDefinition } from './globals-sql.ts';
import type { TocEntry } from './toc.ts';

/** Entries that may name a role besides their object's owner. */
export const namingRoles = new Set(['ACL', 'DEFAULT ACL', 'POLICY', 'USER MAPPING']);

/** The roles that restoring these entries needs, and the server lacks. */
export function missingRoles(
  { entries, manifest, create }: { entries: readonly TocEntry[]; manifest: Manifest; create: boolean },
  existing: ReadonlySet<string>,
): readonly string[] {
  const owners = entries.filter((entry) => !isOfDatabase(entry)).map((entry) => entry.owner);
  const named = entries.some((entry) => namingRoles.has(entry.desc)) ? manifest.restore.roles : [];
  const ofDatabase = create ? manifest.restore.roles.filter((role) => role === manifest.restore.owner) : [];
  const needed = new Set([...owners, ...named, ...ofDatabase]);
  return [...needed].filter((role) => role !== '' && !existing.has(role)).sort();
}

export function ownersMissing(missing: readonly string[], connection: Connection): BackupDataError {
  const names = missing.map((role) => `"${role}"`).join(', ');
  const roles = missing.length === 1 ? `the role ${names}` : `the roles ${names}`;
  return new BackupDataError(
    'OWNER_MISSING',
    `the server at ${addressOf(connection)} lacks ${roles} that the backup's objects belong to or are granted to`,
    {
      hint: 'Restore with --globals to make the roles that the server lacks, or with --no-owner to do without them.',
    },
  );
}

/** What `--globals` will do: the roles of the backup that the server lacks. Existing roles are never touched. */
export interface RolePlan {
  created: readonly string[];
  statements: readonly string[];
  notes: readonly string[];
}

export const noRoles: RolePlan = { created: [], statements: [], notes: [] };

/** OWNER_MISSING when the backup has no globals. */
export async function planRoles(
  manifest: Manifest,
  parts: PartReader,
  existing: ReadonlySet<string>,
): Promise<RolePlan> {
  const part = manifest.parts.find((each) => each.kind === 'globals');
  if (!part) {
    throw new BackupDataError(
      'OWNER_MISSING',
      `the backup ${manifest.backupId} has no globals to take roles from`,
      {
        hint: 'Make the roles on the server yourself, or restore with --no-owner.',
      },
    );
  }
  const { roles, memberships } = parseGlobals((await parts.read(part)).toString('utf8'));
  const lacking = roles.filter((role) => !existing.has(role.name) && !role.name.startsWith('pg_'));
  const created = new Set(lacking.map((role) => role.name));
  const possible = memberships.filter(
    ({ member, granted }) => created.has(member) && (created.has(granted) || existing.has(granted)),
  );
  return {
    created: [...created],
    statements: [...lacking.flatMap((role) => role.statements), ...possible.map((each) => each.statement)],
    notes: [
      ...notesOn(lacking),
      ...memberships.filter((each) => created.has(each.granted) && !created.has(each.member)).map(leftAlone),
    ],
  };
}

function notesOn(created: readonly RoleDefinition[]): string[] {
  const names = created.map((role) => role.name);
  const withoutPassword = created.filter((role) => role.login).map((role) => role.name);
  return [
    ...(names.length > 0 ? [`roles made on the server: ${names.join(', ')}`] : []),
    ...(withoutPassword.length > 0 ? [`these have no password yet: ${withoutPassword.join(', ')}`] : []),
  ];
}

function leftAlone({ member, granted }: Membership): string {
  return `the existing role ${member} was not made a member of ${granted}`;
}

/** Makes them in one transaction, which an abort does not leave in doubt. */
export async function createRoles(
  connection: Connection,
  { statements }: RolePlan,
  context: ServerContext,
): Promise<void> {
  if (statements.length === 0) return;
  await onServer(connection, uninterrupted(context), async (session) => {
    await session.query('BEGIN');
    for (const statement of statements) await session.query(statement);
    await session.query('COMMIT');
  });
}

/** Takes back those that nothing belongs to; never throws. */
export async function dropRoles(
  connection: Connection,
  { created }: RolePlan,
  context: ServerContext,
): Promise<void> {
  if (created.length === 0) return;
  await onServer(connection, uninterrupted(context), async (session) => {
    for (const role of created)
      await session.query(`DROP ROLE IF EXISTS ${pg.escapeIdentifier(role)}`).catch(() => undefined);
  }).catch(() => undefined);
}

/** The database's own entries are in every archive, and are left out by every restore of ours. */
export function isOfDatabase({ desc, tag }: TocEntry): boolean {
  return desc === 'DATABASE' || desc === 'DATABASE PROPERTIES' || /^DATABASE /.test(tag);
}
