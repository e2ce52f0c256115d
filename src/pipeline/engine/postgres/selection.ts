import type { SourceOf } from '../../../shared/config/schema.ts';
import { matchesPattern } from '../../../shared/config/servers.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import {
  brokenQuery,
  danglingQuery,
  type RelationRow,
  relationsQuery,
  type SchemaRow,
  schemasQuery,
} from './selection-query.ts';
import type { Session } from './session.ts';

/** What a dump leaves out. */
export interface Selection {
  schemas: readonly SchemaRow[];
  /** Of the schemas that are kept. */
  relations: readonly RelationRow[];
  /** Of those that are kept; their rows are not. */
  withoutRows: readonly RelationRow[];
  /** Oids of every relation that is left out, those of the left schemas too. */
  left: readonly string[];
  /** Patterns that leave nothing out. */
  idle: readonly string[];
}

export type Selecting = Pick<SourceOf<'postgres'>, 'tables' | 'schemas' | 'schemaOnly'>;

export const everything: Selection = { schemas: [], relations: [], withoutRows: [], left: [], idle: [] };

/**
 * Resolves the patterns against the database. CONFIG_INVALID when a pattern of an `include` matches nothing, when pg_dump
 * could not be told a name, or when what is left could not be restored because it needs what is left out.
 */
export async function readSelection(session: Session, selecting: Selecting): Promise<Selection> {
  if (!selects(selecting)) return everything;
  const [schemas, relations] = [
    await session.query<SchemaRow>(schemasQuery),
    await session.query<RelationRow>(relationsQuery),
  ];
  const selection = select({ schemas, relations }, selecting);
  await refuseUnspeakable(session, selection);
  await refuseBroken(session, selection, selecting);
  return selection;
}

/** As `readSelection`, without the look at what depends on what. */
export function select(
  { schemas, relations }: { schemas: readonly SchemaRow[]; relations: readonly RelationRow[] },
  { tables, schemas: wanted }: Selecting,
): Selection {
  const matchesSchema = (pattern: string, { name }: SchemaRow): boolean => matchesPattern(pattern, name);
  refuseIdle('schemas.include', wanted.include, (pattern) =>
    schemas.some((each) => matchesSchema(pattern, each)),
  );
  const [keptSchemas, leftSchemas] = partition(schemas, (schema) => {
    const included =
      wanted.include.length === 0 || wanted.include.some((pattern) => matchesSchema(pattern, schema));
    return included && !wanted.exclude.some((pattern) => matchesSchema(pattern, schema));
  });
  const names = new Set(keptSchemas.map(({ name }) => name));
  const [inside, outside] = partition(relations, ({ schema }) => names.has(schema));
  const byOid = new Map(relations.map((relation) => [relation.oid, relation]));
  const matches = (pattern: string, relation: RelationRow): boolean =>
    [relation, ...relation.above.flatMap((oid) => byOid.get(oid) ?? [])].some((each) =>
      matchesRelation(pattern, each),
    );
  refuseIdle('tables.include', tables.include, (pattern) => inside.some((each) => matches(pattern, each)));
  const [kept, left] = partition(inside, (relation) => {
    const included =
      tables.include.length === 0 || tables.include.some((pattern) => matches(pattern, relation));
    return included && !tables.exclude.some((pattern) => matches(pattern, relation));
  });
  return {
    schemas: leftSchemas,
    relations: left,
    withoutRows: kept.filter(
      (each) => each.hasRows && tables.excludeData.some((pattern) => matches(pattern, each)),
    ),
    left: [...outside, ...left].map(({ oid }) => oid),
    idle: [
      ...wanted.exclude.filter((pattern) => !schemas.some((each) => matchesSchema(pattern, each))),
      ...tables.exclude.filter((pattern) => !relations.some((each) => matches(pattern, each))),
      ...tables.excludeData.filter(
        (pattern) => !relations.some((each) => each.hasRows && matches(pattern, each)),
      ),
    ],
  };
}

/** Whether a dump of the selection holds the rows of a table. */
export function rowsIn(
  { schemaOnly }: Selecting,
  { schemas, relations, withoutRows }: Selection,
): (table: { schema: string; name: string }) => boolean {
  const gone = new Set(schemas.map(({ name }) => name));
  const without = new Set([...relations, ...withoutRows].map(keyOf));
  return (table) => !schemaOnly && !gone.has(table.schema) && !without.has(keyOf(table));
}

function keyOf({ schema, name }: { schema: string; name: string }): string {
  return JSON.stringify([schema, name]);
}

/** `SCHEMA.NAME`: the first dot parts the two. Without a dot it is a name in any schema. */
function matchesRelation(pattern: string, { schema, name }: RelationRow): boolean {
  const dot = pattern.indexOf('.');
  if (dot < 0) return matchesPattern(pattern, name);
  return matchesPattern(pattern.slice(0, dot), schema) && matchesPattern(pattern.slice(dot + 1), name);
}

function selects({ tables, schemas }: Selecting): boolean {
  return [...Object.values(tables), ...Object.values(schemas)].some((patterns) => patterns.length > 0);
}

/** A misspelt name would otherwise be a backup of nothing. */
function refuseIdle(
  setting: string,
  patterns: readonly string[],
  isUsed: (pattern: string) => boolean,
): void {
  const idle = patterns.find((pattern) => !isUsed(pattern));
  if (idle === undefined) return;
  throw new BackupDataError('CONFIG_INVALID', `"${idle}" in ${setting} matches nothing in the database`, {
    hint: 'Write SCHEMA.NAME as the server does, upper and lower case too; a schema that is left out has no tables.',
  });
}

/**
 * Arguments are UTF-8, and pg_dump takes them to be in the encoding of the database: a name that is written otherwise there
 * would match nothing, and what was to be left out would be in the dump.
 */
async function refuseUnspeakable(
  { query }: Session,
  { schemas, relations, withoutRows }: Selection,
): Promise<void> {
  const named = [...relations, ...withoutRows].flatMap((each) => [each.schema, each.name]);
  const names = [...schemas.map((schema) => schema.name), ...named].filter((each) => /\P{ASCII}/u.test(each));
  if (names.length === 0) return;
  const [row] = await query<{ encoding: string }>("select current_setting('server_encoding') as encoding");
  const encoding = row?.encoding ?? '';
  if (encoding === 'UTF8') return;
  const name = names.find((each) => encoding !== 'SQL_ASCII' || each.includes('\u{FFFD}'));
  if (name === undefined) return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `"${name}" cannot be left out of a dump of a database whose encoding is ${encoding}, because pg_dump could not be told its name`,
    { hint: 'Keep it in tables and schemas of the configuration, or give it a name of ASCII characters.' },
  );
}

async function refuseBroken(
  session: Session,
  selection: Selection,
  { schemaOnly }: Selecting,
): Promise<void> {
  const { left, schemas, withoutRows } = selection;
  const schemaOids = schemas.map(({ oid }) => oid);
  const broken =
    left.length + schemaOids.length > 0
      ? await session.query<{ what: string; needs: string }>(brokenQuery, [left, schemaOids])
      : [];
  if (broken.length > 0) throw unrestorable(broken, 'left out');
  if (schemaOnly || withoutRows.length === 0) return;
  const oids = withoutRows.map(({ oid }) => oid);
  const dangling = await session.query<{ what: string; needs: string }>(danglingQuery, [oids, left]);
  if (dangling.length > 0) throw unrestorable(dangling, 'dumped without its rows');
}

function unrestorable(
  pairs: readonly { what: string; needs: string }[],
  how: 'left out' | 'dumped without its rows',
): BackupDataError {
  const listed = pairs.slice(0, 3).map(({ what, needs }) => `${what} needs ${needs}`);
  const more = pairs.length > 3 ? ', and more' : '';
  return new BackupDataError(
    'CONFIG_INVALID',
    `a backup of this selection could not be restored, because what is needed is ${how}: ${listed.join(', ')}${more}`,
    { hint: 'Keep both, or leave both out, in tables and schemas of the configuration.' },
  );
}

function partition<T>(all: readonly T[], test: (each: T) => boolean): [T[], T[]] {
  const [yes, no]: [T[], T[]] = [[], []];
  for (const each of all) (test(each) ? yes : no).push(each);
  return [yes, no];
}
