import type { Server, Session } from './session.ts';

/** What a restore must know of the server that it restores to. */
export interface TargetFacts {
  server: Server;
  systemIdentifier: string | null;
  roles: ReadonlySet<string>;
  /** The roles whose rights the user has: all for a superuser. */
  actsAs: ReadonlySet<string>;
  /** Whether it has tablespaces besides the two that every server has. */
  hasTablespaces: boolean;
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
    tablespaces: boolean;
  }>(`
    select ${identity} as identity,
      array(select rolname::text from pg_roles) as roles,
      array(select rolname::text from pg_roles where pg_has_role(oid, 'usage')) as acts,
      exists (select from pg_tablespace where spcname !~ '^pg_') as tablespaces`);
  return {
    server,
    systemIdentifier: row?.identity ?? null,
    roles: new Set(row?.roles),
    actsAs: new Set(row?.acts),
    hasTablespaces: row?.tablespaces ?? true,
  };
}

/** What the database holds that is not the system's, in words; empty for an empty database. */
export async function contentsOf(session: Session): Promise<readonly string[]> {
  const [row] = await session.query<Record<string, string>>(contentsQuery);
  return Object.entries(row ?? {})
    .filter(([, count]) => count !== '0')
    .map(([kind, count]) => `${count} ${kind}`);
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
