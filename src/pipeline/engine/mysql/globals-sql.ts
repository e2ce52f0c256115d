import { identifier } from './session.ts';

/** A user, or a role. */
export interface Account {
  name: string;
  /** Null for a role of MariaDB, which has none; MySQL's roles are users. */
  host: string | null;
}

/** Who has no password here, and cannot log in: it is locked. */
export interface AccountDefinition extends Account {
  /** What a log-in must bring beside a password. */
  require: 'SSL' | 'X509' | null;
}

export interface Privileges {
  kind: 'privileges';
  /** As the server lists them: ``SELECT, INSERT (`a`)``. */
  list: string;
  /** Null for every database; a pattern where the object is null, else a name. */
  database: string | null;
  /** A table or routine, and its kind where one must be said: `PROCEDURE `. Null for everything in the database. */
  object: { kind: string; name: string } | null;
  to: Account;
  /** Whether it may be granted on. */
  withGrant: boolean;
}

export interface Membership {
  kind: 'membership';
  role: Account;
  to: Account;
  withAdmin: boolean;
}

export interface DefaultRole {
  kind: 'default role';
  role: Account;
  to: Account;
}

export type GlobalGrant = Privileges | Membership | DefaultRole;

/** What globals.sql says. */
export interface Globals {
  accounts: readonly AccountDefinition[];
  grants: readonly GlobalGrant[];
  /** Sentences on what is not in it. */
  left: readonly string[];
}

const lastLine = '-- End of users and roles';
const leftMark = '-- left out: ';

/** One statement on each line, which the products' own clients run too. */
export function writeGlobals({ accounts, grants, left }: Globals): string {
  return [
    '-- Users and roles, without passwords: each is locked until ALTER USER gives it one and unlocks it.',
    // Otherwise MariaDB might make whom a grant names, without a password and not locked.
    "/*M!100000 SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_CREATE_USER') */;",
    ...left.map((each) => `${leftMark}${each}`),
    ...accounts.map((account) => `${createStatement(account)};`),
    ...grants.map((grant) => `${grantStatement(grant)};`),
    lastLine,
    '',
  ].join('\n');
}

/** Reads what `writeGlobals` wrote; nothing else in it is a statement to anyone. */
export function parseGlobals(sql: string): Globals {
  const lines = sql.split('\n');
  const statements = lines.flatMap((line) => (line.endsWith(';') ? [line.slice(0, -1)] : []));
  return {
    accounts: statements.flatMap((statement) => parseAccount(statement) ?? []),
    grants: statements.flatMap((statement) => parseGrant(statement) ?? []),
    left: lines.flatMap((line) => (line.startsWith(leftMark) ? [line.slice(leftMark.length)] : [])),
  };
}

export function createStatement(account: AccountDefinition): string {
  if (account.host === null) return `CREATE ROLE ${accountText(account)}`;
  const require = account.require === null ? '' : ` REQUIRE ${account.require}`;
  return `CREATE USER ${accountText(account)}${require} ACCOUNT LOCK`;
}

export function grantStatement(grant: GlobalGrant): string {
  const to = accountText(grant.to);
  if (grant.kind === 'default role') return `SET DEFAULT ROLE ${accountText(grant.role)} FOR ${to}`;
  if (grant.kind === 'membership')
    return `GRANT ${accountText(grant.role)} TO ${to}${grant.withAdmin ? ' WITH ADMIN OPTION' : ''}`;
  const { list, database, object, withGrant } = grant;
  const where = `${database === null ? '*' : identifier(database)}.${object ? identifier(object.name) : '*'}`;
  return `GRANT ${list} ON ${object?.kind ?? ''}${where} TO ${to}${withGrant ? ' WITH GRANT OPTION' : ''}`;
}

/** `` `name`@`host` ``: in such quotes a backslash is a backslash, whatever the server's modes. */
export function accountText({ name, host }: Account): string {
  return host === null ? identifier(name) : `${identifier(name)}@${identifier(host)}`;
}

const quoted = '`(?:[^`]|``)*`';
// In no other quotes: a name with line breaks, which nothing escapes, could write whole lines in those.
const account = `${quoted}(?:@${quoted})?`;
const privilege = `[A-Z][A-Z_ ]*(?: \\(${quoted}(?:, ?${quoted})*\\))?`;
const objectKind = '(?:TABLE|PROCEDURE|FUNCTION|PACKAGE BODY|PACKAGE) ';
const created = new RegExp(
  `^CREATE (?:ROLE (${quoted})|USER (${account})(?: REQUIRE (SSL|X509))? ACCOUNT LOCK)$`,
);
const privileges = new RegExp(
  `^GRANT (${privilege}(?:, ?${privilege})*) ON (${objectKind})?(\\*|${quoted})\\.(\\*|${quoted}) TO (${account})( .*)?$`,
);
const membership = new RegExp(`^GRANT (${account}) TO (${account})( WITH ADMIN OPTION)?$`);
const defaultRole = new RegExp(`^SET DEFAULT ROLE (${account}) FOR (${account})$`);

function parseAccount(statement: string): AccountDefinition | undefined {
  const [matched, role, user = '', require] = created.exec(statement) ?? [];
  if (matched === undefined) return undefined;
  if (role !== undefined) return { ...readAccount(role), require: null };
  return { ...readAccount(user), require: require === 'SSL' || require === 'X509' ? require : null };
}

/**
 * Reads a statement that grants: of globals.sql, or a line of SHOW GRANTS, whose end may hold the hash of a password and is
 * not kept. Undefined for any other.
 */
export function parseGrant(statement: string): GlobalGrant | undefined {
  const [, list, kind = '', database = '', object = '', to, end = ''] = privileges.exec(statement) ?? [];
  if (list !== undefined && to !== undefined)
    return {
      kind: 'privileges',
      list,
      database: database === '*' ? null : unquote(database),
      object: object === '*' ? null : { kind, name: unquote(object) },
      to: readAccount(to),
      withGrant: / WITH (?:.* )?GRANT OPTION\b/.test(end.replaceAll(/'(?:[^'\\]|''|\\.)*'/g, "''")),
    };
  const [, role, member, withAdmin] = membership.exec(statement) ?? [];
  if (role !== undefined && member !== undefined)
    return {
      kind: 'membership',
      role: readAccount(role),
      to: readAccount(member),
      withAdmin: withAdmin !== undefined,
    };
  const [, byDefault, whose] = defaultRole.exec(statement) ?? [];
  if (byDefault === undefined || whose === undefined) return undefined;
  return { kind: 'default role', role: readAccount(byDefault), to: readAccount(whose) };
}

function readAccount(text: string): Account {
  const [name = '', host] = text.match(new RegExp(quoted, 'g')) ?? [];
  return { name: unquote(name), host: host === undefined ? null : unquote(host) };
}

function unquote(text: string): string {
  return text.slice(1, -1).replaceAll('``', '`');
}
