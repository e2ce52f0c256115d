import { BackupDataError, hasCode } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import type { PartReader } from '../engine.ts';
import { addressOf, type Connection } from './connection.ts';
import { onServer } from './create-database.ts';
import {
  type AccountDefinition,
  accountText,
  createStatement,
  type GlobalGrant,
  type Globals,
  grantStatement,
  parseGlobals,
} from './globals-sql.ts';
import { escapePattern } from './grants.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';
import { flavourOf, products } from './version.ts';

/** What `--globals` will do: make the users of the backup that the server lacks. Existing ones are never touched. */
export interface AccountPlan {
  accounts: readonly AccountDefinition[];
  /** What must be granted, before the data comes. */
  grants: readonly GlobalGrant[];
  /** What can only be granted when the data is there, or may not be this user's to grant. */
  later: readonly GlobalGrant[];
  notes: readonly string[];
}

export const noAccounts: AccountPlan = { accounts: [], grants: [], later: [], notes: [] };

/**
 * OWNER_MISSING when the backup has no globals; CONFIG_INVALID when they are of the other product; DATABASE_PERMISSION when
 * the user may not see whom the server has.
 */
export async function planAccounts(
  session: Session,
  { manifest, connection, parts }: { manifest: Manifest; connection: Connection; parts: PartReader },
): Promise<AccountPlan> {
  refuseOtherProduct(manifest, session, connection);
  const globals = parseGlobals((await readGlobals(manifest, parts)).toString('utf8'));
  const existing = await readExisting(session);
  const accounts = globals.accounts.filter((account) => !existing.has(accountText(account)));
  const made = new Set(accounts.map(accountText));
  const possible = globals.grants
    .filter((grant) => made.has(accountText(grant.to)))
    .map((grant) => movedTo(connection.database, grant, manifest.source.database));
  const isLater = (grant: GlobalGrant): boolean =>
    grant.kind === 'privileges' ? grant.object !== null : !made.has(accountText(grant.role));
  return {
    accounts,
    grants: possible.filter((grant) => !isLater(grant)),
    later: possible.filter(isLater),
    notes: notesOn(globals, accounts),
  };
}

/** `user@host` of each that will be made, as objects name their definers. */
export function namesOf({ accounts }: AccountPlan): readonly string[] {
  return accounts.map(({ name, host }) => `${name}@${host ?? ''}`);
}

/** Makes them, or none of them: what was made is taken back when something fails. */
export async function makeAccounts(options: SessionOptions, plan: AccountPlan): Promise<void> {
  if (plan.accounts.length === 0) return;
  const { lines, server } = await openSession(onServer(options));
  const made: AccountDefinition[] = [];
  try {
    for (const account of plan.accounts) {
      options.context.signal.throwIfAborted();
      await lines(`${createStatement(account)};`);
      made.push(account);
    }
    const roles = plan.accounts.filter(({ host }) => host === null);
    const statements = [
      ...plan.grants.map(grantStatement),
      // Who makes a role is a member of it.
      ...roles.map((role) => `REVOKE ${accountText(role)} FROM CURRENT_USER`),
    ];
    await lines(statements.map((statement) => `${statement};`).join('\n'));
  } catch (error) {
    const left = await dropAccounts(options, { accounts: made });
    throw creationFailure(error, { options, account: server.account, left });
  }
}

/** Takes them back. Never throws: a clause says so where one stays. */
export async function dropAccounts(
  options: SessionOptions,
  { accounts }: Pick<AccountPlan, 'accounts'>,
): Promise<string | undefined> {
  if (accounts.length === 0) return undefined;
  try {
    const { lines } = await openSession(onServer(options));
    await lines(
      accounts
        .map(
          (account) => `DROP ${account.host === null ? 'ROLE' : 'USER'} IF EXISTS ${accountText(account)};`,
        )
        .join('\n'),
    );
    return undefined;
  } catch {
    return `users that it made could not be dropped: ${namesIn(accounts)}`;
  }
}

/** Ends it when the data is there; notes for the operator. What cannot be granted then does not undo a whole restore. */
export async function finishAccounts(
  options: SessionOptions,
  { later, notes }: AccountPlan,
): Promise<readonly string[]> {
  if (later.length === 0) return notes;
  const { lines } = await openSession(options);
  const failed: string[] = [];
  for (const grant of later) {
    const statement = grantStatement(grant);
    await lines(`${statement};`).catch(() => {
      options.context.signal.throwIfAborted();
      failed.push(`this could not be done: ${statement}`);
    });
  }
  return [...notes, ...failed];
}

async function readGlobals(manifest: Manifest, parts: PartReader): Promise<Buffer> {
  const part = manifest.parts.find((each) => each.kind === 'globals');
  if (part) return parts.read(part);
  throw new BackupDataError(
    'OWNER_MISSING',
    `the backup ${manifest.backupId} has no globals to take users from`,
    { hint: 'Make the users on the server yourself, and restore without --globals.' },
  );
}

function refuseOtherProduct({ engine }: Manifest, { server }: Session, connection: Connection): void {
  const source = flavourOf(engine.serverVersion);
  if (source === server.flavour) return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `the users are of ${products[source]}, and the server at ${addressOf(connection)} is ${products[server.flavour]}, whose users are others`,
    { hint: 'Make the users on the server yourself, and restore without --globals.' },
  );
}

async function readExisting({ query, server }: Session): Promise<ReadonlySet<string>> {
  const role = server.flavour === 'mariadb' ? 'is_role' : "'N'";
  const rows = await query<{ name: string; host: string; role: string }>(
    `SELECT JSON_OBJECT('name', User, 'host', Host, 'role', ${role}) FROM mysql.user;`,
  );
  return new Set(
    rows.map(({ name, host, role: isRole }) => accountText({ name, host: isRole === 'Y' ? null : host })),
  );
}

function movedTo(target: string, grant: GlobalGrant, source: string): GlobalGrant {
  if (grant.kind !== 'privileges' || grant.database === null || target === source) return grant;
  return { ...grant, database: grant.object === null ? escapePattern(target) : target };
}

function notesOn({ accounts: all, left }: Globals, made: readonly AccountDefinition[]): string[] {
  const users = made.filter(({ host }) => host !== null);
  const kept = all.filter((account) => !made.includes(account));
  return [
    ...(made.length > 0 ? [`users and roles made on the server: ${namesIn(made)}`] : []),
    ...(users.length > 0
      ? [
          `passwords are not in the backup: these are locked until ALTER USER … IDENTIFIED BY … ACCOUNT UNLOCK: ${namesIn(users)}`,
        ]
      : []),
    ...(kept.length > 0 ? [`existing users were left as they are: ${namesIn(kept)}`] : []),
    ...left.map((each) => `not in the backup's globals: ${each}`),
  ];
}

function namesIn(accounts: readonly AccountDefinition[]): string {
  return accounts.map(accountText).join(', ');
}

function creationFailure(
  error: unknown,
  {
    options: { connection },
    account,
    left,
  }: { options: SessionOptions; account: string; left: string | undefined },
): unknown {
  const refused = hasCode(error, 'DATABASE_PERMISSION') || hasCode(error, 'DATABASE_AUTH');
  if (!refused && left === undefined) return error;
  const what = `the users of the backup could not be made at ${addressOf(connection)}`;
  const why = error instanceof Error ? error.message : String(error);
  return new BackupDataError(
    refused ? 'DATABASE_PERMISSION' : 'RESTORE_FAILED',
    [`${what}: ${why}`, ...(left === undefined ? [] : [left])].join('; '),
    {
      hint: `Restore as a user who may make users and grant what they have (${account} may not), or without --globals.`,
      cause: error,
    },
  );
}
