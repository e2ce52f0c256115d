import type { Server } from './session.ts';

/** Everything that a backup records of its database. */
export interface InspectionRow {
  database: string;
  bytes: string;
  encoding: string;
  collate: string;
  ctype: string;
  /** Null where the server knows only one. */
  provider: 'libc' | 'icu' | 'builtin' | null;
  locale: string | null;
  owner: string;
  settings: string[];
  roles: string[];
  extensions: string[];
  tablespaces: string[];
  /** Those that pg_dump passes over, with no more than a warning, because the user is no superuser. */
  subscriptions: string[];
  /** `ROLE (NAME, NAME)`: what is set for a role in this database alone. Only `pg_restore --create` would make it. */
  role_settings: string[];
  /** At most four names. */
  unreadable: string[];
  system_identifier: string | null;
}

/**
 * One row for every version of the server: columns that only some versions have are read through to_jsonb. Asking for
 * the system identifier without the right to do so fails even in a branch that is not taken, hence two texts. $1 are the oids of the
 * relations that will not be dumped.
 */
export function inspectionQuery({ tellsIdentity }: Pick<Server, 'tellsIdentity'>): string {
  const identity = tellsIdentity ? '(select system_identifier::text from pg_control_system())' : 'null::text';
  return `
    select d.datname::text as database,
      pg_database_size(d.oid)::text as bytes,
      pg_encoding_to_char(d.encoding)::text as encoding,
      d.datcollate::text as collate,
      d.datctype::text as ctype,
      case to_jsonb(d) ->> 'datlocprovider' when 'c' then 'libc' when 'i' then 'icu' when 'b' then 'builtin' end as provider,
      coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') as locale,
      pg_get_userbyid(d.datdba)::text as owner,
      coalesce((select setconfig from pg_db_role_setting where setdatabase = d.oid and setrole = 0), '{}') as settings,
      array(${roles}) as roles,
      array(select extname || ' ' || extversion from pg_extension where extname <> 'plpgsql' order by 1) as extensions,
      array(${tablespaces}) as tablespaces,
      array(${subscriptions}) as subscriptions,
      array(${roleSettings}) as role_settings,
      array(${unreadable}) as unreadable,
      ${identity} as system_identifier
    from pg_database d
    where d.datname = current_database()`;
}

/** Those that own something in the database, are granted something in it, or are named by a policy. Every server has the rest. */
const roles = `
  select rolname::text from pg_roles
  where oid <> 10 and rolname !~ '^pg_' and (oid = d.datdba or oid in (
    select refobjid from pg_shdepend
    where refclassid = 'pg_authid'::regclass
      and (dbid = d.oid or (dbid = 0 and classid = 'pg_database'::regclass and objid = d.oid))))
  order by 1`;

const tablespaces = `
  select spcname::text from pg_tablespace
  where oid in (select reltablespace from pg_class) and spcname !~ '^pg_'
  order by 1`;

const subscriptions = `
  select subname::text from pg_subscription
  where subdbid = d.oid and not (select rolsuper from pg_roles where rolname = current_user)
  order by 1`;

const roleSettings = `
  select format('%s (%s)', pg_get_userbyid(setrole), (
    select string_agg(split_part(setting, '=', 1), ', ' order by setting) from unnest(setconfig) setting))
  from pg_db_role_setting where setdatabase = d.oid and setrole <> 0
  order by 1`;

/** What pg_dump locks or reads; the members of an extension are not dumped. */
const unreadable = `
  select format('%I.%I', n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'S') and c.oid <> all ($1::oid[]) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (
      select from pg_depend
      where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
    and (not has_schema_privilege(n.oid, 'usage') or not has_table_privilege(c.oid, 'select') or row_security_active(c.oid))
  order by 1 limit 4`;
