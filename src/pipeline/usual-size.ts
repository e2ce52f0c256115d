import type { SizeAnomalyConfig } from '../shared/config/policy-schema.ts';
import type { DatabaseConfig } from '../shared/config/schema.ts';
import { formatBytes } from '../shared/config/units.ts';
import { BackupDataError } from '../shared/errors.ts';
import type { Manifest } from '../shared/manifest.ts';
import { listEntries, readManifest } from './catalog/catalog.ts';
import type { Codec } from './codec/codec.ts';
import { extentOf } from './extent.ts';
import { mapAtMost } from './process/map-at-most.ts';
import type { Storage } from './storage/storage.ts';

/** Of two backups below it, what surrounds the data says more than the data: a page more, and one is three times the other. */
const negligible = 1_048_576;

const parallelReads = 8;

/** What the last backups of a database had. Stored bytes. */
export interface EarlierSizes {
  /** Of the newest; null when there is none, or none that can be read. */
  last: number | null;
  /** What is usual; null where there are too few to say. Undefined where nobody asks. */
  usual: number | null | undefined;
}

/** Reads the sizes of the newest backups. A storage that cannot tell costs the comparison, not the run. */
export async function earlierSizes(options: {
  storage: Storage;
  database: DatabaseConfig;
  codecs: readonly Pick<Codec, 'name'>[];
  signal: AbortSignal;
}): Promise<EarlierSizes> {
  const { storage, database, codecs, signal } = options;
  const { action, last } = database.sizeAnomaly;
  try {
    const entries = await listEntries({ storage, database: database.name, signal });
    const manifests = await mapAtMost(
      { items: entries.slice(0, action === 'off' ? 1 : last), limit: parallelReads, signal },
      ({ backupId }, stop) => readIfUsable({ storage, backupId, signal: stop }),
    );
    const alike = manifests.filter((each) => each !== undefined && isAlike(each, { database, codecs }));
    const sizes = alike.map((each) => each?.bytes ?? 0);
    return { last: manifests[0]?.bytes ?? null, usual: action === 'off' ? undefined : usualOf(sizes, last) };
  } catch {
    signal.throwIfAborted();
    return { last: null, usual: action === 'off' ? undefined : null };
  }
}

/** The median; null of fewer than two, unless only one is asked for. */
export function usualOf(sizes: readonly number[], last: number): number | null {
  const sorted = sizes.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  if (sorted.length < Math.min(2, last)) return null;
  return Math.round(middle.reduce((sum, size) => sum + size, 0) / middle.length);
}

/** One sentence when a size is unusual: more than `factor` times the usual one, or less than that part of it. */
export function unusualSize(
  { bytes, usualBytes }: Pick<Manifest, 'bytes' | 'usualBytes'>,
  { action, factor }: SizeAnomalyConfig,
): string | undefined {
  if (action === 'off' || typeof usualBytes !== 'number') return undefined;
  if (Math.max(bytes, usualBytes) < negligible) return undefined;
  const compared = comparedWith(usualBytes, bytes, factor);
  return compared === undefined
    ? undefined
    : `its size is unusual: ${formatBytes(bytes)} stored, ${compared} the ${formatBytes(usualBytes)} that the last backups had`;
}

function comparedWith(usual: number, bytes: number, factor: number): string | undefined {
  if (bytes > usual * factor) return `more than ${factor} times`;
  return bytes < usual / factor ? `less than 1/${factor} of` : undefined;
}

/** The manifest, with a note where its size is unusual. SIZE_ANOMALY where such a backup may not be committed. */
export function withSizeJudged(manifest: Manifest, { name, sizeAnomaly }: DatabaseConfig): Manifest {
  const unusual = unusualSize(manifest, sizeAnomaly);
  if (unusual === undefined) return manifest;
  if (sizeAnomaly.action === 'warn') return { ...manifest, notes: [...manifest.notes, unusual] };
  throw new BackupDataError('SIZE_ANOMALY', `the backup of "${name}" was not committed: ${unusual}`, {
    hint: 'See what it lost or gained; if that is right, set sizeAnomaly.action to warn for it until most of its last backups are of that size.',
  });
}

/** A damaged manifest says nothing of what is usual. */
async function readIfUsable(request: Parameters<typeof readManifest>[0]): Promise<Manifest | undefined> {
  try {
    return await readManifest(request);
  } catch {
    request.signal.throwIfAborted();
    return undefined;
  }
}

/** Of as much of the database, stored in the same way: only such sizes can be compared. */
function isAlike(
  { source, codecs: stored }: Manifest,
  { database, codecs }: { database: DatabaseConfig; codecs: readonly Pick<Codec, 'name'>[] },
): boolean {
  const names = codecs.map(({ name }) => name).join();
  return source.extent === extentOf(database).extent && stored.map(({ name }) => name).join() === names;
}
