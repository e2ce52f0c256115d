import type { Source } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { EngineContext } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { addressOf, type Connection, parseConnection, serverOf } from './connection.ts';
import { parseGrants } from './grants.ts';
import { openSession, type Server } from './session.ts';
import type { ClientToolsFinder } from './tools.ts';

/**
 * Every database of the server but its own. DATABASE_PERMISSION when the server would hide some from this user: a list
 * that may lack a database looks like one that does not.
 */
export async function databases(
  source: Source,
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<readonly string[]> {
  const connection = serverOf(parseConnection(sourceFor(source, ['mysql', 'mariadb']).url));
  const session = await openSession({ connection, context, finder, otherwise: 'DUMP_FAILED' });
  refusePartialList(await session.lines('SHOW GRANTS;'), session.server, connection);
  const rows = await session.query<{ name: string }>(listing);
  return rows.map(({ name }) => name);
}

/**
 * A folder `lost+found`, which file systems make by themselves, is a database to a server whose data is at their root. Byte by
 * byte, because the server's own comparison takes `SYS` and `mýsql`, which may be anybody's, for its own.
 */
const listing = `
  SELECT JSON_OBJECT('name', SCHEMA_NAME) FROM information_schema.SCHEMATA
  WHERE CAST(SCHEMA_NAME AS BINARY) NOT IN ('mysql', 'sys', '#mysql50#lost+found')
    AND CAST(LOWER(SCHEMA_NAME) AS BINARY) NOT IN ('information_schema', 'performance_schema')
  ORDER BY SCHEMA_NAME;`;

function refusePartialList(lines: readonly string[], server: Server, connection: Connection): void {
  const sees = ['ALL PRIVILEGES', 'SHOW DATABASES', 'SELECT'];
  const everywhere = parseGrants(lines).filter(({ database, revoked }) => database === null && !revoked);
  if (everywhere.some(({ privileges }) => sees.some((each) => privileges.has(each)))) return;
  throw new BackupDataError(
    'DATABASE_PERMISSION',
    `the server at ${addressOf(connection)} shows user "${connection.user}" only some of its databases`,
    {
      hint: `As an administrator: GRANT SHOW DATABASES ON *.* TO ${server.account}; or write an entry with \`url\` for each database instead of \`discover\`.`,
    },
  );
}
