import pg from 'pg';
import type { RowCounts } from '../row-counts.ts';
import type { Session } from './session.ts';

/** A table whose rows a dump holds. */
export interface CountedTable {
  schema: string;
  name: string;
  /** Which of its rows, as SQL; empty for all. */
  condition: string;
}

/**
 * The tables that pg_dump copies the rows of: no partitioned parents, views or foreign tables, and of an extension's
 * tables only those that it declares as its configuration, as far as it declares it.
 */
export function listCountedTables({ query }: Session): Promise<readonly CountedTable[]> {
  return query<CountedTable>(`
    select n.nspname::text as schema, c.relname::text as name, coalesce(config.condition, '') as condition
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join lateral (
      select extcondition[i] as condition
      from pg_extension, generate_subscripts(extconfig, 1) i
      where extconfig[i] = c.oid) config on true
    where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and (c.relpersistence <> 'u' or not pg_is_in_recovery())
      and (config.condition is not null or not exists (
        select from pg_depend
        where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e'))`);
}

/** One query for each table, one after the other. */
export async function countRows({ query }: Session, tables: readonly CountedTable[]): Promise<RowCounts> {
  const counts = new Map<string, number>();
  for (const table of tables) {
    const [row] = await query<{ rows: string }>(
      `select count(*) as rows from only ${identifierOf(table)} ${table.condition}`,
    );
    counts.set(nameOf(table), Number(row?.rows));
  }
  return counts;
}

/** For SQL. */
export function identifierOf({ schema, name }: CountedTable): string {
  return `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
}

/** For the record. Quoted by what the name holds alone, because the server's own rules differ from release to release. */
function nameOf({ schema, name }: CountedTable): string {
  return [schema, name]
    .map((part) => (/^[a-z_][a-z0-9_$]*$/.test(part) ? part : pg.escapeIdentifier(part)))
    .join('.');
}
