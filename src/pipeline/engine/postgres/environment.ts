import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';
import type { Connection } from './connection.ts';

const variables: Readonly<Record<string, string>> = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  options: 'PGOPTIONS',
  channel_binding: 'PGCHANNELBINDING',
  gssencmode: 'PGGSSENCMODE',
  krbsrvname: 'PGKRBSRVNAME',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
};

export type ToolEnvironment = Readonly<Record<string, string>>;

/** The whole connection as libpq's environment variables, so that nothing of it appears in a tool's arguments. */
export function connectionEnvironment(
  connection: Connection,
  context: Pick<EngineContext, 'tools' | 'connectTimeout'>,
): ToolEnvironment {
  const { host, port, user, database, password, parameters } = connection;
  const given = [...parameters].flatMap(([name, value]) => {
    const variable = variables[name];
    return variable === undefined ? [] : [[variable, value] as const];
  });
  return {
    ...plainEnvironment(context),
    ...Object.fromEntries(given),
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGCONNECT_TIMEOUT: wholeSeconds(context.connectTimeout),
    PGAPPNAME: 'backupdata',
    ...(password && { PGPASSWORD: password.reveal() }),
  };
}

/** `dbname='…'`: an argument that names a database, whatever characters the name holds. */
export function databaseArgument(database: string): string {
  return `dbname='${database.replaceAll(/[\\']/g, '\\$&')}'`;
}

/** libpq counts in seconds, takes 1 for 2, and 0 for ever. */
function wholeSeconds(milliseconds: number): string {
  return String(Math.max(2, Math.ceil(milliseconds / 1000)));
}
