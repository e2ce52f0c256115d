import { BackupDataError } from '../../../shared/errors.ts';
import { addressOf, type Connection } from './connection.ts';
import { identifier, type Server } from './session.ts';
import { compareVersions } from './version.ts';

/** One line of SHOW GRANTS. What it does not say in full, as a privilege on columns, is not in it. */
export interface Grant {
  privileges: ReadonlySet<string>;
  /** Null for every database; else a pattern as the server keeps it. */
  database: string | null;
  /** Null for everything in the database. */
  object: string | null;
  /** MySQL can take back in one database what it gave in all. */
  revoked: boolean;
}

const quoted = '`((?:[^`]|``)*)`';
const line = new RegExp(`^(GRANT|REVOKE) (.+) ON (?:(\\*)|${quoted})\\.(?:(\\*)|${quoted}) (?:TO|FROM) `);

/** Reads what SHOW GRANTS prints; a line in another form grants nothing, which at worst refuses too much. */
export function parseGrants(lines: readonly string[]): readonly Grant[] {
  return lines.flatMap((text) => {
    const match = line.exec(text);
    if (!match) return [];
    const [, verb, privileges = '', everywhere, database = '', all, object = ''] = match;
    return [
      {
        privileges: new Set(privileges.split(/, ?(?![^(]*\))/).filter((each) => !each.includes('('))),
        database: everywhere ? null : database.replaceAll('``', '`'),
        object: all ? null : object.replaceAll('``', '`'),
        revoked: verb === 'REVOKE',
      },
    ];
  });
}

const needed = ['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT'];

/**
 * What a dump of everything in the database needs and the user lacks, as GRANT statements; empty when nothing is. Without
 * them the server hides triggers, events and routines from the user, and a dump program cannot know what it leaves out.
 */
export function missingGrants(
  grants: readonly Grant[],
  { server, database }: { server: Server; database: string },
): readonly string[] {
  const blind = !seesRoutines(grants, server, database);
  const all = [...needed, ...(blind && hasShowCreateRoutine(server) ? ['SHOW CREATE ROUTINE'] : [])];
  const lacking = all.filter((privilege) => !holds(grants, privilege, database));
  // Beside a pattern that stays, a new one would be the one that the server obeys: then it must give everything.
  const pattern = ownPattern(grants, database);
  const wanted = pattern === undefined ? all : lacking;
  const on = identifier(pattern ?? escapePattern(database));
  return [
    ...(lacking.length === 0 ? [] : [`GRANT ${wanted.join(', ')} ON ${on}.* TO ${server.account}`]),
    ...(blind && !hasShowCreateRoutine(server) ? [`${routineGrant(server)} TO ${server.account}`] : []),
  ];
}

/** DATABASE_PERMISSION when the dump would be silently of less than everything. */
export function refuseMissingGrants(
  grants: readonly Grant[],
  { server, connection, database }: { server: Server; connection: Connection; database: string },
): void {
  const missing = missingGrants(grants, { server, database });
  if (missing.length === 0) return;
  throw new BackupDataError(
    'DATABASE_PERMISSION',
    `user "${connection.user}" may not read all of database "${database}" at ${addressOf(connection)}: a dump would lack what the server hides from it`,
    { hint: `As an administrator: ${missing.join('; ')};` },
  );
}

/** Whether the privilege holds for everything in the database. */
export function holds(grants: readonly Grant[], privilege: string, database: string): boolean {
  if (grants.some((grant) => grant.revoked && grant.database === database && gives(grant, privilege)))
    return false;
  const whole = grants.filter((grant) => grant.object === null && !grant.revoked);
  if (whole.some((grant) => grant.database === null && gives(grant, privilege))) return true;
  const patterns = obeyedPatterns(grants, database);
  return (
    patterns.length > 0 &&
    patterns.every((pattern) => whole.some((grant) => grant.database === pattern && gives(grant, privilege)))
  );
}

/**
 * Of the patterns that match a database the server obeys one alone: one without wildcards, if there is one. Of several others
 * which one it obeys is its own affair: each must do.
 */
function obeyedPatterns(grants: readonly Grant[], database: string): string[] {
  const patterns = grants.flatMap((grant) =>
    grant.object === null && grant.database !== null && matches(grant.database, database)
      ? [grant.database]
      : [],
  );
  const distinct = [...new Set(patterns)];
  const plain = distinct.filter((pattern) => !hasWildcard(pattern));
  return plain.length > 0 ? plain : distinct;
}

/** The pattern that a GRANT must name to add to what the user has in the database; undefined where it has nothing of its own. */
function ownPattern(grants: readonly Grant[], database: string): string | undefined {
  const [pattern, ...others] = obeyedPatterns(grants, database);
  return others.length === 0 && pattern !== undefined && plainName(pattern) === database
    ? pattern
    : undefined;
}

function hasWildcard(pattern: string): boolean {
  return /[_%]/.test(pattern.replaceAll(/\\[_%\\]/g, ''));
}

function gives({ privileges }: Grant, privilege: string): boolean {
  return privileges.has('ALL PRIVILEGES') || privileges.has('ALL') || privileges.has(privilege);
}

/** Whether the user sees every routine's text, even of another definer. */
function seesRoutines(grants: readonly Grant[], server: Server, database: string): boolean {
  const everywhere = grants.filter(
    (grant) => grant.database === null && grant.object === null && !grant.revoked,
  );
  if (everywhere.some((grant) => gives(grant, 'SELECT') || gives(grant, 'SHOW_ROUTINE'))) return true;
  if (hasShowCreateRoutine(server) && holds(grants, 'SHOW CREATE ROUTINE', database)) return true;
  if (!keepsProc(server)) return false;
  return grants.some(
    (grant) =>
      !grant.revoked &&
      grant.database === 'mysql' &&
      (grant.object === null || grant.object === 'proc') &&
      gives(grant, 'SELECT'),
  );
}

/** For a server that has no such privilege for one database. */
function routineGrant(server: Server): string {
  if (keepsProc(server)) return 'GRANT SELECT ON `mysql`.`proc`';
  return compareVersions(server.version, '8.0.20') >= 0 ? 'GRANT SHOW_ROUTINE ON *.*' : 'GRANT SELECT ON *.*';
}

function hasShowCreateRoutine({ flavour, version }: Server): boolean {
  return flavour === 'mariadb' && compareVersions(version, '11.3') >= 0;
}

/** MySQL has no such table since 8.0. */
function keepsProc({ flavour, version }: Server): boolean {
  return flavour === 'mariadb' || compareVersions(version, '8.0') < 0;
}

export function plainName(pattern: string): string {
  return pattern.replaceAll(/\\([_%\\])/g, '$1');
}

/** A database's name as GRANT takes it literally. */
export function escapePattern(database: string): string {
  return database.replaceAll(/[_%\\]/g, '\\$&');
}

/** `_` stands for one character and `%` for any, unless a backslash is before it. */
export function matches(pattern: string, database: string): boolean {
  const source = pattern.replaceAll(
    /\\([_%\\])|([_%])|[$()*+.?[\\\]^{|}]/g,
    (each, plain?: string, wild?: string) => {
      if (wild !== undefined) return wild === '_' ? '.' : '.*';
      return `\\${plain ?? each}`.replace(/^\\([_%])$/, '$1');
    },
  );
  return new RegExp(`^${source}$`, 'su').test(database);
}
