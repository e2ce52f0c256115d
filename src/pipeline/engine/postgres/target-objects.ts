import type { Session } from './session.ts';
import type { TocEntry } from './toc.ts';

/** Tells whether the target has an object of the name that an entry of the archive would make. */
export type Existence = (entry: TocEntry) => boolean;

/** For a database that is still to be made. */
export const nothingExists: Existence = () => false;

export async function readExistence(session: Session): Promise<Existence> {
  const rows = await session.query<{ kind: string; schema: string | null; name: string }>(objectsQuery);
  const known = new Set(rows.map(({ kind, schema, name }) => keyOf(kind, schema, name)));
  return (entry) => {
    const kind = kinds[entry.desc];
    // Of a kind that cannot be looked up by name, the target is trusted to have what its tables need.
    return kind === undefined || known.has(keyOf(kind, entry.schema, entry.tag));
  };
}

const kinds: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE'].map((desc) => [desc, 'relation']),
  ),
  ...Object.fromEntries(['TYPE', 'SHELL TYPE', 'DOMAIN'].map((desc) => [desc, 'type'])),
  ...Object.fromEntries(['FUNCTION', 'PROCEDURE', 'AGGREGATE'].map((desc) => [desc, 'function'])),
  ...Object.fromEntries(['SERVER', 'FOREIGN SERVER'].map((desc) => [desc, 'server'])),
  SCHEMA: 'schema',
  EXTENSION: 'extension',
  COLLATION: 'collation',
  OPERATOR: 'operator',
  'OPERATOR CLASS': 'operator class',
  'OPERATOR FAMILY': 'operator family',
  'FOREIGN DATA WRAPPER': 'wrapper',
  'PROCEDURAL LANGUAGE': 'language',
  'ACCESS METHOD': 'access method',
  'TEXT SEARCH CONFIGURATION': 'text search configuration',
  'TEXT SEARCH DICTIONARY': 'text search dictionary',
};

/** Quotes are left out, because a dump may have more of them than names need. */
function keyOf(kind: string, schema: string | null, name: string): string {
  return JSON.stringify([kind, schema, name.replaceAll('"', '')]);
}

/** Argument types are named as pg_dump names them, because the session's search path is empty. */
const functionName =
  "proname || '(' || array_to_string(array(select format_type(t, null) from unnest(proargtypes) t), ', ') || ')'";

function inSchema(kind: string, catalog: string, { schema, name }: { schema: string; name: string }): string {
  return `select '${kind}' as kind, nspname::text as schema, (${name})::text as name from ${catalog}
    join pg_namespace n on n.oid = ${schema}
    where nspname not in ('pg_catalog', 'pg_toast', 'information_schema')`;
}

function global(kind: string, catalog: string, name: string): string {
  return `select '${kind}', null, ${name}::text from ${catalog}`;
}

const objectsQuery = [
  `${inSchema('relation', 'pg_class', { schema: 'relnamespace', name: 'relname' })} and relkind in ('r', 'p', 'v', 'm', 'f', 'S')`,
  inSchema('type', 'pg_type', { schema: 'typnamespace', name: 'typname' }),
  inSchema('function', 'pg_proc', { schema: 'pronamespace', name: functionName }),
  inSchema('collation', 'pg_collation', { schema: 'collnamespace', name: 'collname' }),
  inSchema('operator', 'pg_operator', { schema: 'oprnamespace', name: 'oprname' }),
  inSchema('operator class', 'pg_opclass', { schema: 'opcnamespace', name: 'opcname' }),
  inSchema('operator family', 'pg_opfamily', { schema: 'opfnamespace', name: 'opfname' }),
  inSchema('text search configuration', 'pg_ts_config', { schema: 'cfgnamespace', name: 'cfgname' }),
  inSchema('text search dictionary', 'pg_ts_dict', { schema: 'dictnamespace', name: 'dictname' }),
  global('schema', 'pg_namespace', 'nspname'),
  global('extension', 'pg_extension', 'extname'),
  global('server', 'pg_foreign_server', 'srvname'),
  global('wrapper', 'pg_foreign_data_wrapper', 'fdwname'),
  global('language', 'pg_language', 'lanname'),
  global('access method', 'pg_am', 'amname'),
].join('\nunion all ');
