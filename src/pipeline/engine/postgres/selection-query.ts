/** A schema, with what it holds that patterns of tables choose among. */
export interface SchemaRow {
  oid: string;
  name: string;
}

/** A table, view, materialized view, sequence or foreign table. */
export interface RelationRow {
  oid: string;
  schema: string;
  name: string;
  /** False of a view, a sequence (whose value is no row) and a foreign table. */
  hasRows: boolean;
  /** The tables that it is a partition of, inherits from, or is the sequence of; at any distance. */
  above: readonly string[];
}

/** What would be in a dump that holds everything of the database's own; an extension's members are the extension's. */
const dumpable = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/** Of a row of pg_depend whose object is a sequence: it belongs to a column. */
const ownsSequence = `classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and refobjsubid <> 0
  and deptype in ('a', 'i')`;

export const schemasQuery = `
  select n.oid::text, n.nspname::text as name from pg_namespace n
  where ${dumpable} and not ${isMember('pg_namespace', 'n.oid')}
  order by 2`;

export const relationsQuery = `
  with recursive edges (below, above) as (
    select inhrelid, inhparent from pg_inherits
    union all
    select objid, refobjid from pg_depend
    where ${ownsSequence} and objid in (select oid from pg_class where relkind = 'S')
  ), paths (below, above) as (
    select below, above from edges
    union
    select paths.below, edges.above from paths join edges on edges.below = paths.above
  )
  select c.oid::text, n.nspname::text as schema, c.relname::text as name,
    c.relkind in ('r', 'p', 'm') as "hasRows",
    array(select above::text from paths where below = c.oid) as above
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and ${dumpable} and not ${isMember('pg_class', 'c.oid')}
  order by 2, 3`;

/**
 * What is kept and needs what is left out, so that a restore would fail; $1 are the oids of the relations that are left
 * out, $2 those of the schemas. A part of a table (a constraint, a rule, a default) is where its table is, a member of an
 * operator class or family where that is, and the cast of a range type to its multirange, which comes with the type, where
 * the type is. A sequence that belongs to a column of a kept table would be dumped with it all the same.
 */
export const brokenQuery = `
  with gone (classid, objid) as (
    select 'pg_class'::regclass::oid, unnest($1::oid[])
    union select 'pg_type'::regclass, t.oid from pg_type t left join pg_type e on e.oid = t.typelem
      where t.typrelid = any ($1) or e.typrelid = any ($1)
    union select 'pg_class'::regclass, typrelid from pg_type where typrelid <> 0 and typnamespace = any ($2::oid[])
    union select 'pg_constraint'::regclass, k.oid from pg_constraint k join pg_type t on t.oid = contypid
      where typnamespace = any ($2)
    ${membersOf([
      ['pg_type', 'typnamespace'],
      ['pg_proc', 'pronamespace'],
      ['pg_operator', 'oprnamespace'],
      ['pg_collation', 'collnamespace'],
      ['pg_conversion', 'connamespace'],
      ['pg_opclass', 'opcnamespace'],
      ['pg_opfamily', 'opfnamespace'],
      ['pg_ts_config', 'cfgnamespace'],
      ['pg_ts_dict', 'dictnamespace'],
      ['pg_ts_parser', 'prsnamespace'],
      ['pg_ts_template', 'tmplnamespace'],
      ['pg_statistic_ext', 'stxnamespace'],
    ])}
  )
  select pg_describe_object(d.classid, d.objid, 0) as what, pg_describe_object(d.refclassid, d.refobjid, 0) as needs
  from pg_depend d join gone on gone.classid = d.refclassid and gone.objid = d.refobjid
  left join lateral (
    select indrelid as home from pg_index where d.classid = 'pg_class'::regclass and indexrelid = d.objid
    union all select conrelid from pg_constraint where d.classid = 'pg_constraint'::regclass and oid = d.objid
    union all select ev_class from pg_rewrite where d.classid = 'pg_rewrite'::regclass and oid = d.objid
    union all select adrelid from pg_attrdef where d.classid = 'pg_attrdef'::regclass and oid = d.objid
    union all select tgrelid from pg_trigger where d.classid = 'pg_trigger'::regclass and oid = d.objid
    union all select polrelid from pg_policy where d.classid = 'pg_policy'::regclass and oid = d.objid
    union all select stxrelid from pg_statistic_ext where d.classid = 'pg_statistic_ext'::regclass and oid = d.objid
    union all select typrelid from pg_type where d.classid = 'pg_type'::regclass and oid = d.objid and typrelid <> 0
  ) part on true
  where (part.home is null or part.home <> all ($1))
    and not exists (select from gone where gone.classid = d.classid and gone.objid = d.objid)
    and not ${isMember('d.classid', 'd.objid')}
    and not (part.home is not null and ${isMember('pg_class', 'part.home')})
    and not (d.classid = 'pg_cast'::regclass and d.deptype = 'i')
    and d.classid not in ('pg_publication_rel'::regclass, 'pg_default_acl'::regclass)
    and not exists (
      select from pg_depend owner join gone on gone.classid = owner.refclassid and gone.objid = owner.refobjid
      where d.classid in ('pg_amop'::regclass, 'pg_amproc'::regclass) and owner.classid = d.classid and owner.objid = d.objid
        and owner.refclassid in ('pg_opclass'::regclass, 'pg_opfamily'::regclass))
    and not exists (select from pg_class where d.classid = 'pg_class'::regclass and oid = d.objid and relkind = 't')
    and not exists (select from pg_trigger where d.classid = 'pg_trigger'::regclass and oid = d.objid and tgisinternal)
  union
  select 'extension ' || extname, 'schema ' || nspname
  from pg_extension join pg_namespace n on n.oid = extnamespace
  where extnamespace = any ($2) and nspname <> 'public'
  union
  select pg_describe_object(refclassid, refobjid, 0), pg_describe_object(classid, objid, 0)
  from pg_depend join pg_class on pg_class.oid = objid and relkind = 'S'
  where ${ownsSequence} and objid = any ($1) and refobjid <> all ($1)
  order by 1, 2 limit 4`;

/** Views, and what each reads. */
const readers = `
  select ev_class, refobjid from pg_rewrite w join pg_depend on classid = 'pg_rewrite'::regclass and objid = w.oid
  where refclassid = 'pg_class'::regclass and refobjid <> ev_class`;

/**
 * What is kept with its rows and needs rows that are not: $1 are the oids of the relations without rows, $2 those of the
 * relations that are left out. Checked foreign keys, and materialized views that are made, by way of views too, of one that
 * would not be populated.
 */
export const danglingQuery = `
  with recursive reads (reader, needed) as (
    select ev_class, oid from pg_class join (${readers}) r on r.refobjid = oid where relkind = 'm' and oid = any ($1::oid[])
    union
    select r.ev_class, needed from reads join pg_class on oid = reader and relkind = 'v' join (${readers}) r on r.refobjid = reader
  )
  select format('%I.%I', n.nspname, c.relname) as what, confrelid::regclass::text as needs
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
  where k.contype = 'f' and k.convalidated and c.relkind = 'r'
    and k.confrelid = any ($1) and k.conrelid <> all ($1) and k.conrelid <> all ($2::oid[])
  union
  select reader::regclass::text, needed::regclass::text
  from reads join pg_class on oid = reader and relkind = 'm' and relispopulated
  where reader <> all ($1) and reader <> all ($2)
  order by 1, 2 limit 4`;

function membersOf(catalogs: readonly (readonly [string, string])[]): string {
  return catalogs
    .map(
      ([name, schema]) =>
        `union select '${name}'::regclass, o.oid from ${name} o where o.${schema} = any ($2::oid[]) and not ${isMember(name, 'o.oid')}`,
    )
    .join('\n    ');
}

function isMember(catalog: string, oid: string): string {
  const classid = catalog.includes('.') ? catalog : `'${catalog}'::regclass`;
  return `exists (select from pg_depend member
    where member.classid = ${classid} and member.objid = ${oid} and member.deptype = 'e')`;
}
