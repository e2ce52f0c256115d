import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { addressOf, type Connection } from './connection.ts';
import { parseGrants } from './grants.ts';
import type { Session } from './session.ts';

/**
 * Notes on those in whose names the backup's views, triggers, events and routines act. OWNER_MISSING when the target server
 * lacks one: what acts in the name of nobody fails when it is used. DATABASE_PERMISSION when the user may not name others.
 */
export async function checkDefiners(
  session: Session,
  {
    manifest,
    connection,
    made,
  }: {
    manifest: Manifest;
    connection: Connection;
    /** Who will be there when the data comes. */
    made: readonly string[];
  },
): Promise<readonly string[]> {
  const definers = manifest.restore.roles;
  const others = definers.filter((definer) => quoteDefiner(definer) !== session.server.account);
  if (others.length === 0) return [];
  const known = await readAccounts(session);
  const missing = known ? others.filter((definer) => !known.has(definer) && !made.includes(definer)) : [];
  if (missing.length > 0) throw definersMissing(missing, connection);
  await refusePowerless(session, connection, others);
  if (known) return [];
  return [`whether the server has ${others.join(', ')}, in whose names objects act, could not be looked up`];
}

/** Undefined where this user may not read the list. */
async function readAccounts({ query }: Session): Promise<ReadonlySet<string> | undefined> {
  try {
    const rows = await query<{ account: string }>(
      "SELECT JSON_OBJECT('account', CONCAT(User, '@', Host)) FROM mysql.user;",
    );
    return new Set(rows.map(({ account }) => account));
  } catch (error) {
    if (hasCode(error, 'DATABASE_PERMISSION')) return undefined;
    throw error;
  }
}

async function refusePowerless(
  { lines, server }: Session,
  connection: Connection,
  others: readonly string[],
): Promise<void> {
  const grants = parseGrants(await lines('SHOW GRANTS;'));
  const enough = ['ALL PRIVILEGES', 'SUPER', 'SET USER', 'SET_USER_ID', 'SET_ANY_DEFINER'];
  if (grants.some((grant) => grant.database === null && enough.some((each) => grant.privileges.has(each))))
    return;
  const privilege = server.flavour === 'mariadb' ? 'SET USER' : 'SET_USER_ID';
  throw new BackupDataError(
    'DATABASE_PERMISSION',
    `user "${connection.user}" may not make what acts in the name of ${listSome(others)} at ${addressOf(connection)}`,
    {
      hint: `Restore with --no-owner, which makes it act in this user's name; or, as an administrator: GRANT ${privilege} ON *.* TO ${server.account};`,
    },
  );
}

function definersMissing(missing: readonly string[], connection: Connection): BackupDataError {
  return new BackupDataError(
    'OWNER_MISSING',
    `views, triggers, events or routines of the backup act in the name of users that the server at ${addressOf(connection)} lacks: ${listSome(missing)}`,
    {
      hint: "Restore with --globals to make the users that the server lacks, or with --no-owner: then everything acts in this user's name.",
    },
  );
}

function quoteDefiner(definer: string): string {
  const at = definer.lastIndexOf('@');
  return `'${definer.slice(0, at)}'@'${definer.slice(at + 1)}'`;
}
