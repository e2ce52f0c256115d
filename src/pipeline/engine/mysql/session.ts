import { BackupDataError, type ErrorCode } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import { StageFailure, succeeded } from '../../process/failure.ts';
import type { EngineContext } from '../engine.ts';
import { clientStage } from './client-options.ts';
import { addressOf, type Connection } from './connection.ts';
import { clientFailure } from './failures.ts';
import type { ClientTools, ClientToolsFinder } from './tools.ts';
import { type Flavour, flavourOf } from './version.ts';

/** What statements are sent by: one client program for each call, so nothing stays open between two. */
export interface Session {
  server: Server;
  tools: ClientTools;
  /**
   * Runs statements one after the other and gives each row, which must be one JSON_OBJECT, of all of them. Throws the
   * connection's typed errors, or the session's own code; the statements after one that failed were not run.
   */
  query<Row>(sql: string): Promise<readonly Row[]>;
  /** The same for a statement whose rows are one text. */
  lines(sql: string): Promise<readonly string[]>;
  /** The same session, whose statements another signal ends. */
  under(signal: AbortSignal): Session;
}

export interface Server {
  flavour: Flavour;
  /** As the server writes it: `10.11.19-MariaDB-0+deb12u1`. */
  version: string;
  /** What the server calls itself; null where it does not say. */
  identity: string | null;
  /** `'user'@'host'` of this connection, as grants name it. */
  account: string;
  /** Whether two names of tables that differ in case alone are one. */
  foldsNames: boolean;
  /** What every new connection has set that hides rows from it, as `sql_select_limit = 10`. */
  hiding: readonly string[];
}

export interface SessionOptions {
  connection: Connection;
  context: EngineContext;
  finder: ClientToolsFinder;
  /** The code of an error that is not about the connection itself. */
  otherwise: ErrorCode;
}

const outputLimit = 64 * 1024 * 1024;

/** Looks at the server, and gives what speaks to it. An abort ends a statement's program at once; the signal's reason is thrown. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { connection, context, finder } = options;
  const first = await finder.any(connection.scheme, context);
  const facts = readFacts(await run(firstQuery, first, options));
  if (connection.tls.mode === 'REQUIRED' && !facts.get('Ssl_cipher')) throw unencrypted(connection);
  const version = facts.get('version') ?? '';
  const flavour = flavourOf(version);
  const tools = first.flavour === flavour ? first : await finder.any(flavour, context);
  const server = {
    flavour,
    version,
    identity: facts.get('server_uid') ?? facts.get('server_uuid') ?? null,
    account: quoteAccount(facts.get('account') ?? ''),
    foldsNames: (facts.get('lower_case_table_names') ?? '0') !== '0',
    hiding: hidingIn(facts),
  };
  return sessionOf({ server, tools }, options);
}

function sessionOf(found: Pick<Session, 'server' | 'tools'>, options: SessionOptions): Session {
  const lines = (sql: string): Promise<readonly string[]> =>
    run(`${plainSession}${sql}`, found.tools, options);
  return {
    ...found,
    lines,
    query: async <Row>(sql: string) => (await lines(sql)).map((line) => JSON.parse(line) as Row),
    under: (signal) => sessionOf(found, { ...options, context: { ...options.context, signal } }),
  };
}

/** Two programs of one server may be asked by different programs; each line is a name, a tab and a value. */
const firstQuery = `
  SET @unlimited = 1 /*M!100101 , SESSION max_statement_time = 0 */;
  SHOW VARIABLES WHERE Variable_name IN
    ('version', 'server_uid', 'server_uuid', 'sql_select_limit', 'system_versioning_asof', 'lower_case_table_names');
  SHOW SESSION STATUS LIKE 'Ssl_cipher';
  SELECT 'account', CURRENT_USER();
`;

/** Whatever was set for applications: no other meaning of quotes, and no limit that ends a statement or its rows. */
const plainSession = `SET SESSION sql_mode = '', SESSION lock_wait_timeout = 60,
  SESSION sql_big_selects = 1, SESSION sql_select_limit = 18446744073709551615
  /*M!100101 , SESSION max_statement_time = 0 */;
`;

/** The lines of the output. */
async function run(sql: string, tools: ClientTools, options: SessionOptions): Promise<readonly string[]> {
  const { connection, context, otherwise } = options;
  const seconds = Math.max(1, Math.ceil(context.connectTimeout / 1000));
  const args = ['--batch', '--raw', '--skip-column-names', `--connect-timeout=${seconds}`];
  const database = connection.database === '' ? [] : [`--database=${connection.database}`];
  const stage = clientStage(
    { program: tools.client, args: [...args, ...database] },
    { connection, tools },
    context,
  );
  const ended = await capture(stage, {
    signal: context.signal,
    maxBytes: outputLimit,
    input: Buffer.from(sql),
  });
  if (!succeeded(ended)) throw clientFailure(new StageFailure([ended]), connection, otherwise);
  return ended.stdout.toString('utf8').split('\n').slice(0, -1);
}

function readFacts(lines: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    lines.map((line) => {
      const tab = line.indexOf('\t');
      return [line.slice(0, tab), line.slice(tab + 1)];
    }),
  );
}

/** Without a limit it is the largest number that there is, on an old system of 32 bits. */
function hidingIn(facts: ReadonlyMap<string, string>): readonly string[] {
  const [limit, asOf] = [facts.get('sql_select_limit'), facts.get('system_versioning_asof')];
  return [
    ...(limit !== undefined && Number(limit) < 2 ** 32 - 1 ? [`sql_select_limit = ${limit}`] : []),
    ...(asOf !== undefined && asOf !== 'DEFAULT' ? [`system_versioning_asof = ${asOf}`] : []),
  ];
}

/** A user's name may hold an "@", a host's may not. */
function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  return `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
}

function unencrypted(connection: Connection): BackupDataError {
  return new BackupDataError(
    'DATABASE_AUTH',
    `the server at ${addressOf(connection)} does not encrypt, and ssl-mode is REQUIRED`,
    { hint: 'Give the server a certificate, or choose another ssl-mode in the URL.' },
  );
}

/** `` `name` ``. */
export function identifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** Any text, safe whatever the server's modes make of quotes and backslashes. */
export function literal(text: string): string {
  return text === '' ? "''" : `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`;
}
