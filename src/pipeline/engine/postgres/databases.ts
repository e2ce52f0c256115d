import type { Source } from '../../../shared/config/schema.ts';
import type { EngineContext } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { parseConnection } from './connection.ts';
import { withSession } from './session.ts';

/**
 * Every database of the server that can be connected to and is no template. The maintenance database `postgres` is one of
 * them: it may hold data like any other.
 */
export async function databases(source: Source, context: EngineContext): Promise<readonly string[]> {
  const connection = parseConnection(sourceFor(source, ['postgres']).url);
  return withSession({ connection, context, otherwise: 'DUMP_FAILED' }, async ({ query }) => {
    const rows = await query<{ name: string }>(listing);
    return rows.map(({ name }) => name);
  });
}

/** A limit of -2 marks what is left of a database whose removal was interrupted: nobody can connect to it. */
const listing = `
  select datname as name
  from pg_catalog.pg_database
  where datallowconn and not datistemplate and datconnlimit <> -2
  order by datname`;
