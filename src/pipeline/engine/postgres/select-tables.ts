import { BackupDataError } from '../../../shared/errors.ts';
import { similarNames } from './similar-names.ts';
import type { TocEntry } from './toc.ts';

export const relationDescs: ReadonlySet<string> = new Set([
  'TABLE',
  'FOREIGN TABLE',
  'VIEW',
  'MATERIALIZED VIEW',
]);

/** What belongs to one table and is restored with it. */
const tableParts = new Set([
  ...[
    'TABLE DATA',
    'MATERIALIZED VIEW DATA',
    'STATISTICS DATA',
    'DEFAULT',
    'CONSTRAINT',
    'CHECK CONSTRAINT',
    'INDEX',
  ],
  ...['STATISTICS', 'EXTENDED STATISTICS DATA', 'TRIGGER', 'POLICY', 'ROW SECURITY', 'RULE', 'SEQUENCE'],
]);

/** What joins two entries, and is restored when both are. */
const joints = new Set(['TABLE ATTACH', 'INDEX ATTACH']);

/** What follows the entry that it is about. */
const followers = new Set(['ACL', 'COMMENT', 'SECURITY LABEL', 'SEQUENCE SET', 'SEQUENCE OWNED BY']);

/** What an entry may need and the target may have already. */
const prerequisites = new Set([
  ...[
    'SCHEMA',
    'EXTENSION',
    'TYPE',
    'SHELL TYPE',
    'DOMAIN',
    'FUNCTION',
    'PROCEDURE',
    'AGGREGATE',
    'SEQUENCE',
    'COLLATION',
  ],
  ...[
    'OPERATOR',
    'OPERATOR CLASS',
    'OPERATOR FAMILY',
    'ACCESS METHOD',
    'PROCEDURAL LANGUAGE',
    'CONVERSION',
    'CAST',
  ],
  ...[
    'FOREIGN DATA WRAPPER',
    'SERVER',
    'FOREIGN SERVER',
    'TEXT SEARCH CONFIGURATION',
    'TEXT SEARCH DICTIONARY',
  ],
  ...['TEXT SEARCH PARSER', 'TEXT SEARCH TEMPLATE', 'TRANSFORM'],
]);

export interface Selection {
  /** In the archive's order. */
  entries: readonly TocEntry[];
  /** The tables and views themselves, with the partitions of partitioned ones. */
  relations: readonly TocEntry[];
  notes: readonly string[];
}

/** `SCHEMA.NAME`. */
export function nameOf({ schema, tag }: TocEntry): string {
  return `${schema}.${tag}`;
}

/** The tables and views that were named, and the partitions of the partitioned ones. TABLE_NOT_FOUND names what is not there. */
export function findRelations(toc: readonly TocEntry[], tables: readonly string[]): readonly TocEntry[] {
  const relations = toc.filter((entry) => relationDescs.has(entry.desc));
  const named = tables.map((table) => {
    const found = relations.find((entry) => nameOf(entry) === table);
    if (!found) throw notFound(table, relations.map(nameOf));
    return found;
  });
  const attached = attachments(toc);
  const chosen = new Set(named.map((entry) => entry.id));
  for (const id of chosen) {
    for (const { partition, parent } of attached) if (parent === id) chosen.add(partition);
  }
  return relations.filter((entry) => chosen.has(entry.id));
}

/**
 * Everything that restoring these relations takes. `exists` tells what the target has already; what an entry needs and
 * the target lacks is added. TABLE_NOT_FOUND when that is another table.
 */
export function selectEntries(
  toc: readonly TocEntry[],
  relations: readonly TocEntry[],
  exists: (entry: TocEntry) => boolean,
): Selection {
  const byId = new Map(toc.map((entry) => [entry.id, entry]));
  const chosen = new Set(relations.map((entry) => entry.id));
  const leftOut: TocEntry[] = [];
  for (const entry of toc) {
    const owner =
      tableParts.has(entry.desc) || entry.desc === 'FK CONSTRAINT' ? tableOf(entry, byId) : undefined;
    if (owner === undefined || !chosen.has(owner.id)) continue;
    if (entry.desc === 'FK CONSTRAINT' && !referred(entry, byId).every(({ id }) => chosen.has(id)))
      leftOut.push(entry);
    else chosen.add(entry.id);
  }
  addJoints(toc, byId, chosen);
  const shared = addPrerequisites({ toc, byId, chosen, exists });
  addFollowers(toc, byId, chosen);
  return {
    entries: toc.filter((entry) => chosen.has(entry.id)),
    relations,
    notes: [...leftOut.map(leftOutKey), ...detached(toc, relations), ...shared.map(leftAsItWas)],
  };
}

type Entries = ReadonlyMap<number, TocEntry>;

function needsOf(entry: TocEntry, byId: Entries): TocEntry[] {
  return entry.dependencies.flatMap((id) => byId.get(id) ?? []);
}

function relationsOf(entry: TocEntry, byId: Entries): TocEntry[] {
  return needsOf(entry, byId).filter((need) => relationDescs.has(need.desc));
}

/** Of the relations that an entry depends on, the one that it is part of: its tag begins with that one's name, or there is no other. */
function tableOf(entry: TocEntry, byId: Entries): TocEntry | undefined {
  const candidates = relationsOf(entry, byId);
  const named = candidates.filter(
    ({ schema, tag }) => schema === entry.schema && `${entry.tag} `.startsWith(`${tag} `),
  );
  if (named.length > 0)
    return named.reduce((one, other) => (other.tag.length > one.tag.length ? other : one));
  return candidates.length === 1 ? candidates[0] : undefined;
}

/** The tables of a foreign key and the key that it refers to, which the archive has before it. */
function referred(entry: TocEntry, byId: Entries): TocEntry[] {
  return needsOf(entry, byId).filter(
    ({ desc }) => relationDescs.has(desc) || desc === 'CONSTRAINT' || desc === 'INDEX',
  );
}

function addJoints(toc: readonly TocEntry[], byId: Entries, chosen: Set<number>): void {
  for (const entry of toc) {
    if (joints.has(entry.desc) && needsOf(entry, byId).every(({ id }) => chosen.has(id)))
      chosen.add(entry.id);
  }
}

/** Gives the sequences that the target has already, and that nobody sets: other tables may use them. */
function addPrerequisites({
  toc,
  byId,
  chosen,
  exists,
}: {
  toc: readonly TocEntry[];
  byId: Entries;
  chosen: Set<number>;
  exists: (entry: TocEntry) => boolean;
}): TocEntry[] {
  const shared = new Set<TocEntry>();
  const partitions = new Map(attachments(toc).map(({ partition, parent }) => [partition, parent]));
  for (const id of chosen) {
    const entry = byId.get(id);
    if (!entry || joints.has(entry.desc)) continue;
    for (const need of needsOf(entry, byId)) {
      if (chosen.has(need.id) || !isNeeded(entry, need, partitions)) continue;
      if (exists(need)) {
        if (need.desc === 'SEQUENCE') shared.add(need);
        continue;
      }
      if (relationDescs.has(need.desc)) throw needsAnother(entry, need);
      chosen.add(need.id);
    }
  }
  return [...shared];
}

/** A partition is made by itself and attached later; a sequence that a default uses is made without its owner. */
function isNeeded(entry: TocEntry, need: TocEntry, partitions: ReadonlyMap<number, number>): boolean {
  if (prerequisites.has(need.desc)) return true;
  return relationDescs.has(need.desc) && entry.desc !== 'SEQUENCE' && partitions.get(entry.id) !== need.id;
}

/** The owner of a sequence may not be among the restored tables. */
function addFollowers(toc: readonly TocEntry[], byId: Entries, chosen: Set<number>): void {
  for (const entry of toc) {
    if (!followers.has(entry.desc)) continue;
    const about = needsOf(entry, byId).filter((need) => need.desc !== 'ACL');
    const whole =
      entry.desc !== 'SEQUENCE OWNED BY' ||
      about.flatMap((need) => relationsOf(need, byId)).every(({ id }) => chosen.has(id));
    if (whole && about.length > 0 && about.every(({ id }) => chosen.has(id))) chosen.add(entry.id);
  }
}

/** Partitions and what they are partitions of. The entry that attaches one bears the partition's name. */
function attachments(toc: readonly TocEntry[]): { partition: number; parent: number }[] {
  const byId = new Map(toc.map((entry) => [entry.id, entry]));
  return toc.flatMap((entry) => {
    if (entry.desc !== 'TABLE ATTACH') return [];
    const pair = relationsOf(entry, byId);
    const partition = pair.find(({ schema, tag }) => schema === entry.schema && tag === entry.tag);
    const parent = pair.find((each) => each !== partition);
    return partition && parent ? [{ partition: partition.id, parent: parent.id }] : [];
  });
}

function detached(toc: readonly TocEntry[], relations: readonly TocEntry[]): string[] {
  const chosen = new Map(relations.map((entry) => [entry.id, entry]));
  return attachments(toc).flatMap(({ partition, parent }) => {
    const entry = chosen.get(partition);
    return entry && !chosen.has(parent)
      ? [`${nameOf(entry)} was restored as a table of its own, not as a partition`]
      : [];
  });
}

function leftOutKey(entry: TocEntry): string {
  return `the foreign key ${nameOf(entry)} was left out, because the table that it refers to was not restored`;
}

function leftAsItWas(sequence: TocEntry): string {
  return `the sequence ${nameOf(sequence)} of the target was left at its value, which may be behind the restored rows`;
}

function notFound(table: string, names: readonly string[]): BackupDataError {
  const similar = similarNames(table, names);
  return new BackupDataError('TABLE_NOT_FOUND', `the backup has no table or view "${table}"`, {
    hint:
      similar.length > 0
        ? `Did you mean ${similar.join(' or ')}?`
        : 'Write SCHEMA.NAME, in the case that the database uses.',
  });
}

function needsAnother(entry: TocEntry, need: TocEntry): BackupDataError {
  return new BackupDataError(
    'TABLE_NOT_FOUND',
    `${nameOf(entry)} needs ${nameOf(need)}, which is neither in the target nor among the tables to restore`,
    {
      hint: `Name it too: --table ${nameOf(need)}.`,
    },
  );
}
