import type { EngineContext, PreparedPart } from '../engine.ts';
import { encodeRowCounts } from '../row-counts.ts';
import type { Connection } from './connection.ts';
import { type CountedTable, countRows, identifierOf, listCountedTables } from './row-counts.ts';
import { type Session, withSession } from './session.ts';

export interface SnapshotRequest {
  connection: Connection;
  /** Whether the dump holds the rows of a table. */
  holdsRows: (table: CountedTable) => boolean;
  /** Milliseconds to wait for a table; null waits. */
  lockTimeout: number | null;
}

/** What a database holds at one moment, kept visible by an open transaction until it is closed. */
export interface Snapshot {
  /** For `pg_dump --snapshot`. */
  id: string;
  /** Counts the rows of every table that a dump of it holds, until the signal ends that. */
  count(signal: AbortSignal): Promise<PreparedPart>;
  /** Harmless twice; never throws. */
  close(): Promise<void>;
}

/**
 * Opens a transaction that writes nothing, exports its snapshot and locks the tables as pg_dump will: one that was
 * truncated between the two would be counted empty and dumped full, or the reverse.
 */
export async function holdSnapshot(request: SnapshotRequest, context: EngineContext): Promise<Snapshot> {
  const opened = Promise.withResolvers<{ id: string; session: Session; tables: readonly CountedTable[] }>();
  const closed = Promise.withResolvers<void>();
  const stopped = new AbortController();
  const signal = AbortSignal.any([context.signal, stopped.signal]);
  const held = withSession(
    { connection: request.connection, context: { ...context, signal }, otherwise: 'DUMP_FAILED' },
    async (session) => {
      opened.resolve({ session, ...(await begin(session, request)) });
      await closed.promise;
    },
  );
  held.catch(opened.reject);
  const { id, session, tables } = await opened.promise;
  return {
    id,
    count: (ended) => {
      const stop = (): void => stopped.abort(ended.reason);
      if (ended.aborted) stop();
      ended.addEventListener('abort', stop, { once: true });
      return countRows(session, tables)
        .then((counts) => ({ bytes: encodeRowCounts(counts) }))
        .finally(() => ended.removeEventListener('abort', stop));
    },
    close: async () => {
      closed.resolve();
      await held.catch(() => undefined);
    },
  };
}

async function begin(
  session: Session,
  { holdsRows, lockTimeout }: SnapshotRequest,
): Promise<{ id: string; tables: readonly CountedTable[] }> {
  await session.query(unlimited);
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const [row] = await session.query<{ id: string }>('select pg_export_snapshot() as id');
  const tables = (await listCountedTables(session)).filter(holdsRows);
  await session.query(`SET lock_timeout = ${lockTimeout ?? 0}`);
  for (let start = 0; start < tables.length; start += lockedAtOnce) {
    const some = tables.slice(start, start + lockedAtOnce).map(identifierOf);
    await session.query(`LOCK TABLE ${some.map((each) => `ONLY ${each}`).join(', ')} IN ACCESS SHARE MODE`);
  }
  return { id: row?.id ?? '', tables };
}

const lockedAtOnce = 1_000;

/** As pg_dump does for itself: no limit that was set for applications ends it, and no policy hides rows from it. */
const unlimited = `
  select set_config(name, case name when 'row_security' then 'off' else '0' end, false) from pg_settings
  where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout',
    'idle_session_timeout', 'row_security')`;
