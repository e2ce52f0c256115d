import type { EngineContext } from '../engine.ts';
import { type ArchiveEntries, readDefinitions } from './archive.ts';
import type { TocEntry } from './toc.ts';

/**
 * The table of contents with what pg_dump does not write of exclusion constraints: that those among `entries` need the
 * extension which lets GiST compare plain values. Of an index it writes as much.
 */
export async function withExtensionOfExclusions(
  toc: readonly TocEntry[],
  { entries, ...archive }: ArchiveEntries,
  context: EngineContext,
): Promise<readonly TocEntry[]> {
  const extension = toc.find(({ desc, tag }) => desc === 'EXTENSION' && tag === 'btree_gist');
  if (!extension) return toc;
  const constraints = entries.filter(({ desc }) => desc === 'CONSTRAINT');
  const sql = await readDefinitions({ ...archive, entries: constraints }, context);
  if (!/^ +ADD CONSTRAINT .* EXCLUDE USING gist /m.test(sql)) return toc;
  const ids = new Set(constraints.map(({ id }) => id));
  return toc.map((entry) =>
    ids.has(entry.id) ? { ...entry, dependencies: [...entry.dependencies, extension.id] } : entry,
  );
}
