/** One entry of an archive's table of contents. */
export interface TocEntry {
  id: number;
  /** As pg_restore listed it, and as it reads it back with --use-list. */
  line: string;
  /** What it is: `TABLE`, `FK CONSTRAINT`, `ACL`. */
  desc: string;
  schema: string | null;
  /** The object's name; a constraint's and its like begin with their table's. */
  tag: string;
  /** Empty where the object has none. */
  owner: string;
  /** Ids of the entries that it needs or belongs to; some name entries that are not listed. */
  dependencies: readonly number[];
}

/** Kinds of more than one word, and their longer forms first: the listing puts spaces between everything. */
const longDescs = [
  ...[
    'MATERIALIZED VIEW DATA',
    'MATERIALIZED VIEW',
    'TABLE DATA',
    'TABLE ATTACH',
    'FOREIGN TABLE',
    'INDEX ATTACH',
  ],
  ...[
    'SEQUENCE OWNED BY',
    'SEQUENCE SET',
    'CHECK CONSTRAINT',
    'FK CONSTRAINT',
    'DEFAULT ACL',
    'ROW SECURITY',
  ],
  ...[
    'DATABASE PROPERTIES',
    'EVENT TRIGGER',
    'FOREIGN DATA WRAPPER',
    'FOREIGN SERVER',
    'USER MAPPING',
    'SHELL TYPE',
  ],
  ...[
    'OPERATOR CLASS',
    'OPERATOR FAMILY',
    'ACCESS METHOD',
    'PROCEDURAL LANGUAGE',
    'PUBLICATION TABLES IN SCHEMA',
  ],
  ...[
    'PUBLICATION TABLE',
    'SUBSCRIPTION TABLE',
    'SECURITY LABEL',
    'STATISTICS DATA',
    'EXTENDED STATISTICS DATA',
  ],
  ...['TEXT SEARCH CONFIGURATION', 'TEXT SEARCH DICTIONARY', 'TEXT SEARCH PARSER', 'TEXT SEARCH TEMPLATE'],
  ...['LARGE OBJECT', 'BLOB METADATA', 'BLOB COMMENTS', 'ACL LANGUAGE'],
];

/**
 * Reads what `pg_restore --list --verbose` prints. Names with spaces are told apart by the schemas that the archive
 * itself names and by `roles`; a name that neither knows is taken to hold none.
 */
export function parseToc(listing: string, roles: readonly string[]): readonly TocEntry[] {
  const lines = listing.split('\n');
  const parsed = lines.flatMap((line, index) =>
    parseLine(line, lines[index + 1] ?? '', { roles, schemas: [] }),
  );
  const schemas = parsed.filter((entry) => entry.desc === 'SCHEMA').map((entry) => entry.tag);
  if (!schemas.some((schema) => schema.includes(' '))) return parsed;
  return lines.flatMap((line, index) => parseLine(line, lines[index + 1] ?? '', { roles, schemas }));
}

interface KnownNames {
  roles: readonly string[];
  schemas: readonly string[];
}

function parseLine(line: string, next: string, known: KnownNames): TocEntry[] {
  const match = /^(\d+); \d+ \d+ (.*)$/.exec(line);
  if (!match?.[1] || match[2] === undefined) return [];
  const [desc, afterDesc] = splitDesc(match[2]);
  const [schema, afterSchema] = splitSchema(afterDesc, known.schemas);
  const [tag, owner] = splitOwner(afterSchema, known.roles);
  const named = /^;\tdepends on:((?: \d+)+)$/.exec(next)?.[1] ?? '';
  const dependencies = [
    ...new Set(
      named
        .split(' ')
        .filter((id) => id !== '')
        .map(Number),
    ),
  ];
  return [{ id: Number(match[1]), line, desc, schema, tag, owner, dependencies }];
}

function splitDesc(text: string): [string, string] {
  const long = longDescs.find((desc) => text.startsWith(`${desc} `));
  return long === undefined ? splitAfter(text, text.indexOf(' ')) : splitAfter(text, long.length);
}

function splitSchema(text: string, schemas: readonly string[]): [string | null, string] {
  const long = schemas.find((schema) => schema.includes(' ') && text.startsWith(`${schema} `));
  const [schema, rest] = splitAfter(text, long?.length ?? text.indexOf(' '));
  return [schema === '-' ? null : schema, rest];
}

function splitOwner(text: string, roles: readonly string[]): [string, string] {
  const long = roles.find((role) => role.includes(' ') && text.endsWith(` ${role}`));
  return splitAfter(text, long === undefined ? text.lastIndexOf(' ') : text.length - long.length - 1);
}

function splitAfter(text: string, space: number): [string, string] {
  return space < 0 ? [text, ''] : [text.slice(0, space), text.slice(space + 1)];
}
