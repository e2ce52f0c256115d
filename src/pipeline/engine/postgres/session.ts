import pg from 'pg';
import type { BackupDataError, ErrorCode } from '../../../shared/errors.ts';
import type { EngineContext } from '../engine.ts';
import { clientOptions } from './client-options.ts';
import type { Connection } from './connection.ts';
import { connectionFailure } from './failures.ts';

/** One open connection. */
export interface Session {
  server: Server;
  /** Throws the connection's typed errors, or the session's own code; `cause` has the SQLSTATE. */
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

export interface Server {
  /** `15.18`, without a packager's additions. */
  version: string;
  major: number;
  /** Whether this user may ask for the system identifier. */
  tellsIdentity: boolean;
}

export interface SessionOptions {
  connection: Connection;
  context: Pick<EngineContext, 'signal' | 'connectTimeout'>;
  /** The code of an error that is not about the connection itself. */
  otherwise: ErrorCode;
}

/** Opens a connection for `use` and closes it. An abort ends it at once, and the signal's reason is thrown. */
export async function withSession<T>(
  options: SessionOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const { signal } = options.context;
  signal.throwIfAborted();
  const opened: pg.Client[] = [];
  const abort = (): void => {
    for (const client of opened) client.connection.stream.destroy();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    const client = await connect(options, opened);
    return await use(await openSession(client, options));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await Promise.all(opened.map((client) => client.end().catch(() => undefined)));
    signal.removeEventListener('abort', abort);
  }
}

async function connect(
  { connection, context, otherwise }: SessionOptions,
  opened: pg.Client[],
): Promise<pg.Client> {
  let failure: BackupDataError | undefined;
  for (const attempt of await clientOptions(connection, context.connectTimeout)) {
    context.signal.throwIfAborted();
    const client = new pg.Client(attempt);
    // A connection that breaks while no query runs would otherwise end the process; the next query reports it.
    client.on('error', () => undefined);
    opened.push(client);
    try {
      await client.connect();
      return client;
    } catch (error) {
      failure = connectionFailure(error, connection, otherwise);
      if (!isAboutTls(error)) throw failure;
    }
  }
  throw failure ?? connectionFailure(new Error('no attempt was made'), connection, otherwise);
}

function isAboutTls(error: unknown): boolean {
  return error instanceof Error && /does not support SSL/.test(error.message);
}

async function openSession(client: pg.Client, { connection, otherwise }: SessionOptions): Promise<Session> {
  const query = async <Row extends pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]> => {
    try {
      return (await client.query<Row>(text, values ? [...values] : undefined)).rows;
    } catch (error) {
      throw connectionFailure(error, connection, otherwise);
    }
  };
  const [row] = await query<{ version: string; tells: boolean }>(firstQuery);
  const version = row?.version.split(' ', 1)[0] ?? '';
  return {
    query,
    server: { version, major: Number.parseInt(version, 10), tellsIdentity: row?.tells ?? false },
  };
}

/** With an empty search path no object of the database can stand in for a system one, and types are named in full. */
const firstQuery = `
  select pg_catalog.set_config('search_path', '', false) as path,
    pg_catalog.current_setting('server_version') as version,
    pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute') as tells`;
