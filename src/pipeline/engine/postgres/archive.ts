import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import type { EngineContext, PartReader } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';
import type { Server } from './session.ts';
import { parseToc, type TocEntry } from './toc.ts';
import type { ClientTools, ToolRequest } from './tools.ts';
import { writeUseList } from './use-list.ts';

/** Some of what an archive holds. */
export interface ArchiveEntries {
  part: ManifestPart;
  parts: PartReader;
  tools: ClientTools;
  entries: readonly TocEntry[];
}

/** Whoever restores must understand the archive, and speak to the server. */
export function neededFor({ restore }: Manifest, server: Pick<Server, 'major'>): ToolRequest {
  const archive = Number.parseInt(restore.minToolVersion, 10);
  if (archive > server.major)
    return { atLeast: archive, because: `the backup was made with pg_dump ${archive}` };
  return { atLeast: server.major, because: `the target server is PostgreSQL ${server.major}` };
}

/** The archive's table of contents; what follows it is not read. */
export async function readToc(
  {
    manifest,
    parts,
    part,
    tools,
  }: { manifest: Manifest; parts: PartReader; part: ManifestPart; tools: ClientTools },
  context: EngineContext,
): Promise<readonly TocEntry[]> {
  const listing = await parts.collect(part, listStage(tools, context));
  return parseToc(listing.toString('utf8'), [...manifest.restore.roles, manifest.restore.owner]);
}

/** The SQL of these entries alone; none of rows. */
export async function readDefinitions(
  { part, parts, tools, entries }: ArchiveEntries,
  context: EngineContext,
): Promise<string> {
  if (entries.length === 0) return '';
  const list = await writeUseList(entries);
  try {
    const args = ['--file=-', `--use-list=${list.path}`];
    const stage = { program: tools.pgRestore, args, env: plainEnvironment(context) };
    return (await parts.collect(part, stage)).toString('utf8');
  } finally {
    await list.remove();
  }
}

/** Reads an archive on stdin and prints what `parseToc` reads. */
export function listStage(tools: ClientTools, context: EngineContext) {
  return { program: tools.pgRestore, args: ['--list', '--verbose'], env: plainEnvironment(context) };
}
