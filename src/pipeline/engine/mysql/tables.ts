import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import type { Stage } from '../../process/stage.ts';
import type { EngineContext, PartReader } from '../engine.ts';
import { awkStage } from './awk.ts';
import {
  type DefinitionRow,
  definitionsOf,
  definitionsQuery,
  definitionsStage,
  parseDefinitions,
} from './definitions.ts';
import { identifier, type Session, type SessionOptions } from './session.ts';

/** Tables, views and sequences that alone are restored. */
export interface ChosenTables {
  names: readonly string[];
  /** Those that the target had before. */
  existing: readonly string[];
  /** Those that it had not, as `TABLE customer`. */
  made: readonly string[];
}

/**
 * Looks for the tables in the backup, and in the session's database. TABLE_NOT_FOUND when the backup lacks one. A dump has no
 * table of contents, so all of it is read.
 */
export async function chooseTables(
  {
    tables,
    manifest,
    part,
    parts,
  }: { tables: readonly string[]; manifest: Manifest; part: ManifestPart; parts: PartReader },
  session: Session | null,
  context: EngineContext,
): Promise<ChosenTables> {
  const listing = await parts.collect(part, await definitionsStage(context));
  const held = tablesIn(parseDefinitions(listing.toString('utf8')).objects);
  const names = tables.map((typed) => nameIn(held, typed, manifest));
  const rows = session ? await session.query<DefinitionRow>(definitionsQuery) : [];
  const there = tablesIn(definitionsOf(rows).objects);
  return {
    names,
    existing: names.filter((name) => there.has(name)),
    made: names.filter((name) => !there.has(name)).map((name) => `${held.get(name)} ${name}`),
  };
}

/** Passes on what a dump begins and ends with, and the sections of these tables, their rows and triggers among them. */
export function tablesStage({ names }: ChosenTables, context: EngineContext): Promise<Stage> {
  return awkStage({ program: selector, env: { NAMES: names.map(identifier).join('\n') } }, context);
}

/** Drops those that the target had not. Never throws: a clause says so where one stays, or where one was there before. */
export async function dropMade(
  open: () => Promise<Session>,
  { existing, made }: ChosenTables,
  { connection }: Pick<SessionOptions, 'connection'>,
): Promise<readonly string[]> {
  const drops = made.map((each) => {
    const [kind, ...name] = each.split(' ');
    return `DROP ${kind} IF EXISTS ${identifier(name.join(' '))};`;
  });
  const left = await open()
    .then((session) => session.lines(`SET SESSION foreign_key_checks = 0; ${drops.join(' ')}`))
    .then(
      () => [],
      () => [
        `${made.join(', ')} in the database "${connection.database}", which it made, could not be dropped`,
      ],
    );
  if (existing.length === 0) return left;
  return [
    ...left,
    `${existing.join(', ')} in the database "${connection.database}" may now be missing, or hold only a part of the rows`,
  ];
}

/** By name, which is one among tables, views and sequences; the kind of each. */
function tablesIn(objects: ReadonlySet<string>): ReadonlyMap<string, string> {
  return new Map(
    [...objects].flatMap((each) => {
      const [, kind, name] = /^(TABLE|VIEW|SEQUENCE) (.*)$/s.exec(each) ?? [];
      return kind === undefined || name === undefined ? [] : [[name, kind] as const];
    }),
  );
}

/** As it was typed, or behind the name of the source. */
function nameIn(held: ReadonlyMap<string, string>, typed: string, { backupId, source }: Manifest): string {
  const prefix = `${source.database}.`;
  const short = typed.startsWith(prefix) ? typed.slice(prefix.length) : typed;
  const name = [typed, short].find((each) => held.has(each));
  if (name !== undefined) return name;
  const some = [...held.keys()].slice(0, 10).join(', ');
  throw new BackupDataError('TABLE_NOT_FOUND', `the backup ${backupId} has no table "${typed}"`, {
    hint: `It has ${held.size}: ${some}${held.size > 10 ? ' and more' : ''}.`,
  });
}

const selector = `
BEGIN {
  count = split(ENVIRON["NAMES"], names, "\\n")
  for (at = 1; at <= count; at++) wanted[names[at]] = 1
  shown = 1
}
!inside && /^(INSERT |\\()/ { if (shown) print; next }
{ terminated = ended; ended = /;;$/ }
!inside && /^DELIMITER ;;$/ { inside = 1 }
terminated && /^DELIMITER ;$/ { inside = 0 }
!inside && /^-- (Table structure for table|Dumping data for table|Sequence structure for|Temporary (table|view) structure for view|Final view structure for view) \`/ {
  name = $0
  sub(/^-- [A-Za-z ]+ /, "", name)
  shown = (name in wanted)
}
!inside && /^-- Dumping (events|routines) for database / { shown = 0 }
!inside && /^\\/\\*!40103 SET TIME_ZONE=@OLD_TIME_ZONE \\*\\/;$/ { shown = 1 }
shown { print }`;
