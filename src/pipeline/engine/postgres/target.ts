import { BackupDataError } from '../../../shared/errors.ts';
import { addressOf, type Connection } from './connection.ts';
import type { Server, Session } from './session.ts';

/** What a restore must know of the server that it restores to. */
export interface TargetFacts {
  server: Server;
  systemIdentifier: string | null;
  roles: ReadonlySet<string>;
  /** The roles whose rights the user has: all for a superuser. */
  actsAs: ReadonlySet<string>;
  /** Besides the two that every server has. */
  tablespaces: ReadonlySet<string>;
}

export async function readTargetFacts(session: Session): Promise<TargetFacts> {
  const { server } = session;
  const identity = server.tellsIdentity
    ? '(select system_identifier::text from pg_control_system())'
    : 'null::text';
  const [row] = await session.query<{
    identity: string | null;
    roles: string[];
    acts: string[];
    tablespaces: string[];
  }>(`
    select ${identity} as identity,
      array(select rolname::text from pg_roles) as roles,
      array(select rolname::text from pg_roles where pg_has_role(oid, 'usage')) as acts,
      array(select spcname::text from pg_tablespace where spcname !~ '^pg_') as tablespaces`);
  return {
    server,
    systemIdentifier: row?.identity ?? null,
    roles: new Set(row?.roles),
    actsAs: new Set(row?.acts),
    tablespaces: new Set(row?.tablespaces),
  };
}

/** What the database holds that is not the system's, in words; empty for an empty database. */
export async function contentsOf(session: Session): Promise<readonly string[]> {
  const [row] = await session.query<Record<string, string>>(contentsQuery);
  return Object.entries(row ?? {})
    .filter(([, count]) => count !== '0')
    .map(([kind, count]) => `${count} ${kind}`);
}

/** A partition and what it is one of, as SCHEMA.NAME. */
export interface Partition {
  name: string;
  of: string;
}

export function partitionsOf({ query }: Session): Promise<readonly Partition[]> {
  return query<Partition>(`
    select n.nspname || '.' || c.relname as name, an.nspname || '.' || a.relname as of
    from pg_inherits join pg_class c on c.oid = inhrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_class a on a.oid = inhparent join pg_namespace an on an.oid = a.relnamespace
    where c.relispartition and c.relkind in ('r', 'p', 'f')
    order by 1`);
}

/**
 * TARGET_NOT_EMPTY when partitions would go with the table that they are of, and not come back: to drop a partitioned table is
 * to drop all its partitions, those too that were made since the backup. `restored` are tables as SCHEMA.NAME.
 */
export function refuseLostPartitions(
  { connection, partitions }: { connection: Connection; partitions: readonly Partition[] },
  restored: ReadonlySet<string>,
): void {
  const dropped = new Set(restored);
  for (const table of dropped) {
    for (const { name, of } of partitions) if (of === table) dropped.add(name);
  }
  const [lost, ...others] = partitions.filter(({ name }) => dropped.has(name) && !restored.has(name));
  if (!lost) return;
  throw new BackupDataError(
    'TARGET_NOT_EMPTY',
    `to restore over "${connection.database}" at ${addressOf(connection)} would drop partitions that this restore does not bring back: ${[lost, ...others].map(({ name }) => name).join(', ')}`,
    {
      hint: `Restore into a new database with --create, or detach them first: ALTER TABLE ${lost.of} DETACH PARTITION ${lost.name}.`,
    },
  );
}

const ownSchema = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

/** An extension's members are not counted: the extension is. */
function countOf(catalog: string, { schema, but }: { schema: string; but?: string }): string {
  return `(select count(*) from ${catalog} o join pg_namespace n on n.oid = o.${schema}
    where ${ownSchema} ${but ? `and ${but}` : ''} and not exists (
      select from pg_depend
      where classid = '${catalog}'::regclass and objid = o.oid and deptype = 'e'))`;
}

const ownTypes = `(o.typrelid = 0 or exists (select from pg_class where oid = o.typrelid and relkind = 'c'))
  and not exists (select from pg_type where typarray = o.oid)`;

const contentsQuery = `
  select ${countOf('pg_class', { schema: 'relnamespace', but: "o.relkind in ('r', 'p', 'v', 'm', 'f', 'S')" })}
      as "tables, views and sequences",
    ${countOf('pg_type', { schema: 'typnamespace', but: ownTypes })} as types,
    ${countOf('pg_proc', { schema: 'pronamespace' })} as functions,
    (select count(*) from pg_namespace n where ${ownSchema} and nspname <> 'public' and not exists (
      select from pg_depend
      where classid = 'pg_namespace'::regclass and objid = n.oid and deptype = 'e')) as schemas,
    (select count(*) from pg_largeobject_metadata) as "large objects",
    (select count(*) from pg_extension where extname <> 'plpgsql') as extensions`;
