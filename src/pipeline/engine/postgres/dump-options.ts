import type { SourceOf } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import type { Selection } from './selection.ts';

type Source = SourceOf<'postgres'>;

/**
 * What `extraArguments` may hold: no option that changes where the dump comes from or goes to, its format or its snapshot,
 * none that takes rows away, and none whose dump a plain restore could not read. What each leaves out is known by its name.
 */
const allowed: readonly RegExp[] = [
  /^--no-(comments|publications|subscriptions|security-labels|tablespaces|table-access-method|toast-compression|privileges)$/,
  /^--(load-via-partition-root|quote-all-identifiers)$/,
  /^--extra-float-digits=(-(\d|1[0-5])|[0-3])$/,
];

/** CONFIG_INVALID for a setting that pg_dump cannot or must not be given. */
export function refuseOptions({ extraArguments, statementTimeout }: Source): void {
  const refused = extraArguments.find((argument) => !allowed.some((pattern) => pattern.test(argument)));
  if (refused !== undefined) {
    throw new BackupDataError('CONFIG_INVALID', `extraArguments may not hold "${refused}" for PostgreSQL`, {
      hint: 'docs/engines/postgres.md lists those that it may hold; for tables and rows there are settings of their own.',
    });
  }
  if (statementTimeout !== null) {
    throw new BackupDataError(
      'CONFIG_INVALID',
      "statementTimeout cannot be kept for PostgreSQL: pg_dump switches the server's statement_timeout off for itself",
      { hint: 'Remove it; lockTimeout limits waiting for locks, and maxDuration the whole run.' },
    );
  }
}

/**
 * The arguments for what is dumped, and how long it waits for a table. One name in each: pg_dump looks a whole name up in an
 * index, and compares a regular expression of many with every table there is. CONFIG_INVALID when they are too long.
 */
export function dumpArguments(source: Source, { schemas, relations, withoutRows }: Selection): string[] {
  const { schemaOnly, lockTimeout, extraArguments } = source;
  const names = [
    ...schemas.map(({ name }) => `--exclude-schema=${quoted(name)}`),
    ...relations.map((relation) => `--exclude-table=${patternOf(relation)}`),
    ...(schemaOnly ? [] : withoutRows.map((relation) => `--exclude-table-data=${patternOf(relation)}`)),
  ];
  refuseTooLong(names);
  return [
    ...names,
    ...(schemaOnly ? ['--schema-only'] : []),
    ...(lockTimeout === null ? [] : [`--lock-wait-timeout=${lockTimeout}`]),
    ...extraArguments,
  ];
}

/** For the manifest: a sentence for each thing that a whole dump would hold and this one does not. */
export function notesOnSelection(source: Source, selection: Selection): string[] {
  const { schemas, relations, withoutRows, idle } = selection;
  const { schemaOnly, extraArguments } = source;
  return [
    ...(schemas.length > 0
      ? [
          `a selection: schemas that are not in this backup, with all they hold: ${listSome(schemas.map(nameOf), 10)}`,
        ]
      : []),
    ...(relations.length > 0
      ? [
          `a selection: tables, views and sequences that are not in this backup: ${listSome(relations.map(nameOf), 10)}`,
        ]
      : []),
    ...(schemaOnly
      ? ['schema only: no rows, no values of sequences and no large objects are in this backup']
      : []),
    ...(!schemaOnly && withoutRows.length > 0
      ? [`a selection: without their rows: ${listSome(withoutRows.map(nameOf), 10)}`]
      : []),
    ...(extraArguments.length > 0 ? [`dumped with ${extraArguments.join(' ')}`] : []),
    ...idle.map((pattern) => `a pattern that leaves something out matched nothing: ${pattern}`),
  ];
}

/** Whether such notes tell of a dump that has every name in quotes, in its table of contents too. */
export function quotesEveryName(notes: readonly string[]): boolean {
  return notes.some((note) => /^dumped with (.* )?--quote-all-identifiers( |$)/.test(note));
}

function nameOf(each: { name: string; schema?: string }): string {
  return each.schema === undefined ? each.name : `${each.schema}.${each.name}`;
}

/** Bytes; macOS takes 1 MiB of arguments and environment together, Linux usually 2 MiB. */
const longestNames = 768 * 1024;

function refuseTooLong(names: readonly string[]): void {
  if (names.reduce((sum, name) => sum + Buffer.byteLength(name) + 1, 0) <= longestNames) return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `the selection leaves out ${names.length} schemas and tables by name, more than pg_dump can be told`,
    { hint: 'Leave whole schemas out with `schemas`, or keep more tables.' },
  );
}

function patternOf({ schema, name }: { schema: string; name: string }): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

/** A name as pg_dump's patterns, which are regular expressions but for what stands in double quotes. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
