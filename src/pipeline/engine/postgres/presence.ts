import { buffer } from 'node:stream/consumers';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { StageFailure } from '../../process/failure.ts';
import { startStages } from '../../process/run.ts';
import type { EngineContext } from '../engine.ts';
import { listStage } from './archive.ts';
import { addressOf, type Connection } from './connection.ts';
import { quotesEveryName } from './dump-options.ts';
import { connectionEnvironment } from './environment.ts';
import { explainTool } from './explain.ts';
import { isOfDatabase } from './roles.ts';
import { withSession } from './session.ts';
import { readExistence } from './target-objects.ts';
import { parseToc, type TocEntry } from './toc.ts';
import type { ClientTools } from './tools.ts';

/** Rows and the like, which are counted if at all; what grants rights, which a drill leaves out; what would reach out to other servers. */
const notCompared = new Set([
  ...['TABLE DATA', 'MATERIALIZED VIEW DATA', 'SEQUENCE SET', 'STATISTICS DATA', 'EXTENDED STATISTICS DATA'],
  ...['BLOBS', 'BLOB COMMENTS', 'ACL', 'DEFAULT ACL', 'ACL LANGUAGE'],
  ...['SUBSCRIPTION', 'SUBSCRIPTION TABLE'],
]);

const largeObjects = new Set(['BLOB', 'BLOB METADATA', 'LARGE OBJECT']);

/** Every database has a schema `public` and most an extension `plpgsql`, and pg_dump names them only where they were changed. */
const perhapsUnnamed = new Set(['SCHEMA', 'EXTENSION']);

/** What a drill made of a backup. */
export interface Restored {
  connection: Connection;
  tools: ClientTools;
  manifest: Pick<Manifest, 'notes'>;
}

/** The entries of an archive's table of contents whose objects the restored database lacks, in the archive's order, as people would call them. */
export async function missingObjects(
  { toc, ...restoration }: Restored & { toc: readonly TocEntry[] },
  context: EngineContext,
): Promise<string[]> {
  const { connection } = restoration;
  const restored = await readRestoredToc(restoration, context);
  const named = new Set(restored.map(keyOf));
  const present = countByKey(restored);
  const absent = toc.filter((entry) => isCompared(entry) && !takeOne(present, keyOf(entry)));
  return withSession({ connection, context, otherwise: 'RESTORE_FAILED' }, async (session) => {
    const exists = await readExistence(session);
    const isUnnamed = (entry: TocEntry): boolean =>
      perhapsUnnamed.has(entry.desc) && !named.has(keyOf(entry)) && exists(entry);
    const objects = await session.query<{ oid: string }>('select oid::text from pg_largeobject_metadata');
    const oids = new Set(objects.map(({ oid }) => oid));
    return [
      ...absent.filter((entry) => !isUnnamed(subjectOf(entry))).map(titleOf),
      ...toc
        .filter((entry) => largeObjects.has(entry.desc))
        .flatMap(oidsOf)
        .filter((oid) => !oids.has(oid))
        .map((oid) => `LARGE OBJECT ${oid}`),
    ];
  });
}

/** The database is dumped without its rows, because nothing else gives its objects the names that the archive gives them, in quotes or not. */
async function readRestoredToc(
  { connection, tools, manifest }: Restored,
  context: EngineContext,
): Promise<readonly TocEntry[]> {
  const dump = {
    program: tools.pgDump,
    args: [
      ...['--format=custom', '--compress=0', '--schema-only', '--no-password'],
      ...(quotesEveryName(manifest.notes) ? ['--quote-all-identifiers'] : []),
    ],
    env: connectionEnvironment(connection, context),
  };
  const { signal } = context;
  const running = await startStages({
    stages: [dump, listStage(tools, context)],
    input: 'none',
    signal,
    partial: true,
  });
  const [listing, ended] = await Promise.allSettled([buffer(running.output), running.finished]);
  if (ended.status === 'rejected') throw unreadable(ended.reason, connection);
  if (listing.status === 'rejected') throw listing.reason;
  return parseToc(listing.value.toString('utf8'), [connection.user]);
}

/** Says nothing of the backup: it was restored by then. */
function unreadable(error: unknown, connection: Connection): unknown {
  if (!(error instanceof StageFailure)) return error;
  const where = `the restored database at ${addressOf(connection)}`;
  return (
    explainTool(error, where) ??
    new BackupDataError(
      'RESTORE_FAILED',
      `${where} could not be compared with the backup: ${error.message}`,
      {
        hint: 'Mend the cause and verify again; nothing was recorded.',
        cause: error,
      },
    )
  );
}

function isCompared(entry: TocEntry): boolean {
  const ofOthers = /^(SUBSCRIPTION|LARGE OBJECT) /.test(entry.tag);
  return !notCompared.has(entry.desc) && !largeObjects.has(entry.desc) && !isOfDatabase(entry) && !ofOthers;
}

/** What a comment or a label is about; any other entry is its own subject. */
function subjectOf(entry: TocEntry): TocEntry {
  const [, desc, tag] = /^(SCHEMA|EXTENSION) (.*)$/.exec(entry.tag) ?? [];
  return desc === undefined || tag === undefined || entry.schema !== null ? entry : { ...entry, desc, tag };
}

/** Operators and their like share names, so it is the number of each that counts. */
function countByKey(toc: readonly TocEntry[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of toc) counts.set(keyOf(entry), (counts.get(keyOf(entry)) ?? 0) + 1);
  return counts;
}

function takeOne(counts: Map<string, number>, key: string): boolean {
  const left = counts.get(key) ?? 0;
  counts.set(key, left - 1);
  return left > 0;
}

function keyOf({ desc, schema, tag }: TocEntry): string {
  return JSON.stringify([desc, schema, tag]);
}

function titleOf({ desc, schema, tag }: TocEntry): string {
  return schema === null ? `${desc} ${tag}` : `${desc} ${schema}.${tag}`;
}

/** Newer releases put those with the same owner into one entry, `16404..16455`, of which only the ends are known. */
function oidsOf({ tag }: TocEntry): string[] {
  return tag.match(/\d+/g) ?? [];
}
