import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BackupDataError } from './errors.ts';
import { databaseOf, isAttemptId, isBackupId } from './ids.ts';

/** Written by this release. Readers accept every version up to it; see docs/format.md for when it is raised. */
export const manifestVersion = 1;

const time = z.iso.datetime({ precision: 3 });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

/** Relative to the database's folder; a manifest may not point anywhere else. */
const volumeKey = z
  .string()
  .regex(/^data\/[A-Za-z0-9_.~-]+\/a[a-z2-7]{8}\/[A-Za-z0-9_.-]+$/)
  .refine((key) => !key.includes('..'));

const volume = z.object({ key: volumeKey, bytes: count, sha256 });

const part = z.object({
  name: z.string().regex(/^[A-Za-z0-9_.-]+$/),
  kind: z.enum(['globals', 'schema', 'data', 'slice', 'counts', 'instructions']),
  volumes: z.array(volume).min(1),
  rows: count.optional(),
  of: z.string().optional(),
});

export const manifestSchema = z.object({
  version: z.int().min(1),
  backupId: z.string().refine(isBackupId),
  attemptId: z.string().refine(isAttemptId),
  attempt: z.int().min(1),
  database: z.string(),
  labels: z.record(z.string(), z.string()),
  trigger: z.object({ kind: z.enum(['manual', 'schedule']), slot: time.optional() }),
  snapshotAt: time,
  startedAt: time,
  finishedAt: time,
  strategy: z.literal('full'),
  parent: z.null(),
  engine: z.object({
    name: z.string(),
    serverVersion: z.string(),
    toolVersion: z.string(),
    format: z.string(),
  }),
  source: z.object({
    systemIdentifier: z.string().nullable(),
    database: z.string(),
    /** Only of a dump that is not of everything. */
    extent: z.enum(['schema', 'selection']).optional(),
  }),
  restore: z.object({
    minToolVersion: z.string(),
    encoding: z.string(),
    collate: z.string(),
    ctype: z.string(),
    /** Only where the locale is not the C library's. */
    provider: z.enum(['icu', 'builtin']).optional(),
    locale: z.string().optional(),
    owner: z.string(),
    settings: z.array(z.string()),
    roles: z.array(z.string()).default([]),
  }),
  codecs: z.array(
    z.object({ name: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])) }),
  ),
  parts: z.array(part).min(1),
  bytes: count,
  /** What the last backups had; null where there were too few, absent where nobody asked. */
  usualBytes: count.nullable().optional(),
  estimatedSourceBytes: count,
  notes: z.array(z.string()),
});

/**
 * What was stored, how, and its hashes. Written last; its presence is the commit. Sizes in bytes, times in RFC 3339
 * UTC with milliseconds. The storage is not named in it, so a copy's manifest is byte-identical.
 */
export type Manifest = z.output<typeof manifestSchema>;
export type ManifestPart = Manifest['parts'][number];
export type ManifestVolume = ManifestPart['volumes'][number];
/** What a restore must know of the source to make an equal database. */
export type RestoreFacts = Manifest['restore'];

/**
 * The manifest's file: JSON whose last member, `sha256`, is over all bytes before its own line. MANIFEST_INVALID when a
 * reader would refuse it: what cannot be read back must not be committed.
 */
export function encodeManifest(manifest: Manifest): Buffer {
  const body = JSON.stringify(manifest, null, 2).slice(0, -'\n}'.length);
  const covered = `${body},\n`;
  const file = Buffer.from(`${covered}  "sha256": "${sha256Of(covered)}"\n}\n`);
  decodeManifest(file, manifest.backupId);
  return file;
}

/**
 * Reads a manifest's file. MANIFEST_INVALID when the bytes are not those that were written or a key points outside
 * the backup; FORMAT_UNSUPPORTED when a newer release wrote it in a way that this one would restore wrongly.
 */
export function decodeManifest(file: Uint8Array, key: string): Manifest {
  const text = Buffer.from(file).toString('utf8');
  const seal = /^([\s\S]*\n) {2}"sha256": "([0-9a-f]{64})"\n\}\n$/.exec(text);
  if (seal?.[1] === undefined || sha256Of(seal[1]) !== seal[2])
    throw invalid(key, 'its bytes are not those that were written');
  const fields = parseJson(text, key);
  refuseNewerVersion(fields, key);
  const parsed = manifestSchema.safeParse(fields);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.');
    throw invalid(key, where ? `its member ${where} is not as the format demands` : 'it is not an object');
  }
  refuseForeignKeys(parsed.data, key);
  return parsed.data;
}

function parseJson(text: string, key: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(key, 'it is not JSON');
  }
}

function refuseNewerVersion(fields: unknown, key: string): void {
  const version = z.object({ version: z.int() }).safeParse(fields).data?.version;
  if (version === undefined || version <= manifestVersion) return;
  throw new BackupDataError(
    'FORMAT_UNSUPPORTED',
    `the manifest ${key} has version ${version}; this release reads up to ${manifestVersion}`,
    {
      hint: 'Use a newer release of backupdata for this backup.',
    },
  );
}

function refuseForeignKeys(manifest: Manifest, key: string): void {
  if (manifest.database !== databaseOf(manifest.backupId))
    throw invalid(key, 'its id is that of another database');
  const folder = `data/${manifest.backupId}/${manifest.attemptId}/`;
  const foreign = manifest.parts.flatMap((each) => each.volumes).find((each) => !each.key.startsWith(folder));
  if (foreign) throw invalid(key, `it points at ${foreign.key}, outside its own attempt`);
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function invalid(key: string, reason: string): BackupDataError {
  return new BackupDataError('MANIFEST_INVALID', `the manifest ${key} cannot be trusted: ${reason}`, {
    hint: 'Use another backup (`backupdata list`), or a copy of this one (`--storage NAME`).',
  });
}
