import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import { StageFailure } from '../../process/failure.ts';
import type { PreparedPart } from '../engine.ts';
import { errorNumber } from './failures.ts';
import {
  type Account,
  type AccountDefinition,
  accountText,
  type GlobalGrant,
  type Globals,
  type Membership,
  type Privileges,
  parseGrant,
  writeGlobals,
} from './globals-sql.ts';
import { escapePattern, matches, plainName } from './grants.ts';
import type { Server, Session } from './session.ts';
import { compareVersions } from './version.ts';

/**
 * The users and roles that have privileges on the database or on all, or in whose names its objects act, as SQL without
 * passwords. A user that may not see them still has a backup, whose manifest says so; any other failure is thrown.
 */
export async function dumpGlobals(
  session: Session,
  wanted: { database: string; definers: readonly string[] },
): Promise<PreparedPart> {
  if (!isKnown(session.server)) return missing('they are read from MySQL 8.0 or MariaDB 10.5 and newer');
  try {
    const { accounts, lines } = await readGrants(session);
    return { bytes: Buffer.from(writeGlobals(globalsOf(accounts, lines, wanted))) };
  } catch (error) {
    if (!hasCode(error, 'DATABASE_PERMISSION')) throw error;
    return missing(
      `user ${session.server.account} may not read the server's users (GRANT SELECT ON mysql.*)`,
    );
  }
}

function missing(why: string): PreparedPart {
  return { missing: `globals are not in this backup: ${why}` };
}

/** Older ones print grants in another form, or cannot lock a user. */
function isKnown({ flavour, version }: Server): boolean {
  return compareVersions(version, flavour === 'mariadb' ? '10.5' : '8.0') >= 0;
}

const attempts = 5;

/** A user that is dropped between the list and the look at it ends that look, so it is taken anew. */
async function readGrants(
  session: Session,
  attempt = 1,
): Promise<{ accounts: readonly FoundAccount[]; lines: readonly string[] }> {
  const accounts = await readAccounts(session);
  try {
    return { accounts, lines: await showGrants(session, accounts) };
  } catch (error) {
    const cause = error instanceof BackupDataError ? error.cause : undefined;
    const gone = cause instanceof StageFailure && errorNumber(cause) === 1141;
    if (!gone || attempt >= attempts) throw error;
    return readGrants(session, attempt + 1);
  }
}

interface FoundAccount extends AccountDefinition {
  /** It must bring a certificate of certain names, which are not read. */
  narrower: boolean;
}

interface AccountRow {
  name: string;
  host: string;
  role: string;
  tls: string;
}

async function readAccounts({ query, server }: Session): Promise<readonly FoundAccount[]> {
  const role = server.flavour === 'mariadb' ? 'is_role' : "'N'";
  const rows = await query<AccountRow>(
    `SELECT JSON_OBJECT('name', User, 'host', Host, 'role', ${role}, 'tls', ssl_type) FROM mysql.user ORDER BY User, Host;`,
  );
  return rows
    .filter(({ name }) => !ofServer.has(name))
    .map(({ name, host, role: isRole, tls }) => ({
      name,
      host: isRole === 'Y' ? null : host,
      require: tls === '' ? null : tls === 'ANY' ? 'SSL' : 'X509',
      narrower: tls === 'SPECIFIED',
    }));
}

/** Anonymous ones, and those that every server makes for itself. */
const ofServer = new Set(['', 'PUBLIC', 'mariadb.sys', 'mysql.sys', 'mysql.session', 'mysql.infoschema']);

/** The lines of all; a role's list has that of its own roles too. */
async function showGrants({ lines }: Session, accounts: readonly Account[]): Promise<readonly string[]> {
  const asked = accounts.filter(isPlain).map((account) => `SHOW GRANTS FOR ${accountText(account)};`);
  return asked.length === 0 ? [] : [...new Set(await lines(asked.join('\n')))];
}

/** Line breaks in a name would make lines of their own in what the server prints. */
function isPlain({ name, host }: Account): boolean {
  return !/\p{Cc}|^`+$/u.test(name) && !/\p{Cc}/u.test(host ?? '');
}

function globalsOf(
  accounts: readonly FoundAccount[],
  lines: readonly string[],
  { database, definers }: { database: string; definers: readonly string[] },
): Globals {
  const parsed = lines.map(parseGrant);
  const unknown = lines.filter((line, at) => !parsed[at] && !/^GRANT PROXY |^REVOKE /.test(line));
  const narrowed = lines.flatMap((line) => /^REVOKE .* FROM (`.*)$/.exec(line)?.[1] ?? []);
  const grants = concerning(
    database,
    parsed.filter((grant) => grant !== undefined),
  ).filter((grant) => !isEverywhere(grant) || !narrowed.includes(accountText(grant.to)));
  const names = withMembers(
    [
      ...grants.filter((grant) => grant.kind === 'privileges').map(({ to }) => accountText(to)),
      ...accounts
        .filter(({ name, host }) => definers.includes(`${name}@${host ?? ''}`))
        .map((account) => accountText(account)),
    ],
    grants.filter((grant) => grant.kind === 'membership'),
  );
  const kept = accounts.filter((account) => isPlain(account) && names.has(accountText(account)));
  const whose = new Set(kept.map(accountText));
  return {
    // Roles first, since users are granted them.
    accounts: kept.toSorted((a, b) => Number(a.host !== null) - Number(b.host !== null)),
    grants: grants.filter(
      (grant) =>
        whose.has(accountText(grant.to)) &&
        (grant.kind === 'privileges' || whose.has(accountText(grant.role))),
    ),
    left: [
      ...narrowed
        .filter((name) => whose.has(name))
        .map((name) => `what ${name} may do everywhere but in some databases`),
      ...kept
        .filter((each) => each.narrower)
        .map((each) => `which certificate ${accountText(each)} must bring`),
      ...(unknown.length > 0 ? [`${unknown.length} grants in an unknown form`] : []),
      ...accounts.filter((each) => !isPlain(each)).map((each) => `the user ${JSON.stringify(each.name)}`),
    ],
  };
}

function isEverywhere(grant: GlobalGrant): boolean {
  return grant.kind === 'privileges' && grant.database === null;
}

/** Those on everything and on the database, and what makes members. */
function concerning(database: string, grants: readonly GlobalGrant[]): readonly GlobalGrant[] {
  const privileges = grants.filter((grant) => grant.kind === 'privileges').filter(grantsAnything);
  const byAccount = Map.groupBy(privileges, ({ to }) => accountText(to));
  return [
    ...privileges.filter(isEverywhere),
    ...[...byAccount.values()].flatMap((own) => onDatabase(own, database)),
    ...privileges.filter((grant) => grant.object !== null && grant.database === database),
    ...grants.filter((grant) => grant.kind === 'membership'),
    ...grants.filter((grant) => grant.kind === 'default role'),
  ];
}

function grantsAnything({ list, withGrant }: Privileges): boolean {
  return list !== 'USAGE' || withGrant;
}

/** The one grant that the server obeys, on exactly this database: a pattern may be of others too. */
function onDatabase(privileges: readonly Privileges[], database: string): readonly Privileges[] {
  const matching = privileges.filter(
    (grant) => grant.database !== null && grant.object === null && matches(grant.database, database),
  );
  const exact = matching.find(({ database: pattern }) => plainName(pattern ?? '') === database);
  const closest = matching.toSorted((a, b) => firstWild(b.database ?? '') - firstWild(a.database ?? ''))[0];
  const obeyed = exact ?? closest;
  return obeyed ? [{ ...obeyed, database: escapePattern(database) }] : [];
}

/** Where a pattern begins to be of several names. */
function firstWild(pattern: string): number {
  const at = pattern.replaceAll(/\\./g, '--').search(/[_%]/);
  return at < 0 ? pattern.length : at;
}

/** Those, and whoever is a member of one of them. */
function withMembers(names: readonly string[], memberships: readonly Membership[]): ReadonlySet<string> {
  const wanted = new Set(names);
  for (let size = -1; size !== wanted.size; ) {
    size = wanted.size;
    for (const { role, to } of memberships) if (wanted.has(accountText(role))) wanted.add(accountText(to));
  }
  return wanted;
}
