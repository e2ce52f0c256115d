import { Readable } from 'node:stream';
import { type BackupDataError, hasCode } from '../shared/errors.ts';
import { type Manifest, type ManifestPart, manifestVersion } from '../shared/manifest.ts';
import type { Attempt } from './attempt.ts';
import { betweenPrograms } from './before-after.ts';
import { findManifest } from './catalog/catalog.ts';
import { commit } from './catalog/commit.ts';
import { claimStorage } from './catalog/installation.ts';
import { attemptFolder, databaseFolder } from './catalog/keys.ts';
import { dumpParts } from './dump.ts';
import type { Inspection } from './engine/engine.ts';
import { extentOf } from './extent.ts';
import { restoreInstructions } from './instructions.ts';
import { writePart } from './part/write.ts';
import { removeAttempt } from './sweep.ts';
import { withSizeJudged } from './usual-size.ts';

export interface BackupRequest extends Attempt {
  installation: string;
  /** Whether the storage may be another installation's. */
  shared: boolean;
  /** Which start of the run this is, from 1. */
  attempt: number;
  trigger: Manifest['trigger'];
  /** Stored bytes of the last backups, as `earlierSizes` has them. */
  usualBytes?: number | null | undefined;
  clock: () => Date;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  /** Throws unless this attempt still owns the run; asked right before the commit. */
  fence: () => Promise<void>;
  onPhase: (phase: BackupPhase) => void;
  /** Told of what went wrong without changing the outcome. */
  onWarning: (error: BackupDataError) => void;
}

/** In `prepare` a stored byte may be long in coming: an engine makes the dump in a file, or has it proven. */
export type BackupPhase = 'before' | 'inspect' | 'dump' | 'prepare' | 'commit' | 'after';

export interface BackupOutcome {
  manifest: Manifest;
  /** Whether this attempt wrote the manifest, or found that another had. */
  committedBy: 'this attempt' | 'another attempt';
}

/**
 * One attempt of a run: dump, store, commit. A run that is committed already is not dumped again. On failure nothing
 * of the attempt is left in the storage, unless the storage itself is gone; then `sweep` removes it later. The database's
 * own programs run before and after it, but not for a run that is committed already.
 */
export async function backup(request: BackupRequest): Promise<BackupOutcome> {
  const { storage, backupId, context } = request;
  const earlier = await findManifest({ storage, backupId, signal: context.signal });
  if (earlier) return { manifest: earlier, committedBy: 'another attempt' };
  await claimStorage({ ...request, signal: context.signal });
  return betweenPrograms(request, () => dumpAfresh(request));
}

async function dumpAfresh(request: BackupRequest): Promise<BackupOutcome> {
  const state: AttemptState = { commitBegun: false };
  try {
    const outcome = await dumpAndCommit(request, state);
    if (outcome.committedBy === 'another attempt') await removeAttempt(request);
    return outcome;
  } catch (error) {
    // A store that is full has answered: that manifest is on no way any more.
    const mayArrive = state.commitBegun && !hasCode(error, 'STORAGE_FULL');
    const manifest = await leaveNothing(request, mayArrive);
    if (manifest) return { manifest, committedBy: 'this attempt' };
    throw error;
  }
}

interface AttemptState {
  /** Whether the manifest was sent: from then on it may appear, whatever becomes of this attempt. */
  commitBegun: boolean;
}

async function dumpAndCommit(request: BackupRequest, state: AttemptState): Promise<BackupOutcome> {
  const { database, engine, context, storage, clock } = request;
  const startedAt = clock();
  request.onPhase('inspect');
  const inspection = await engine.inspect(database, context);
  request.onPhase('dump');
  const snapshotAt = clock();
  const { parts, notes } = await dumpParts(request, inspection, request.onPhase);
  const draft = draftManifest(request, { inspection, parts, startedAt, snapshotAt, notes });
  const sealed = sealManifest(draft, await writeInstructions(request, draft), clock());
  const manifest = withSizeJudged(sealed, request.database);
  request.onPhase('commit');
  await request.fence();
  state.commitBegun = true;
  const winner = await commit({ storage, manifest, signal: context.signal, wait: request.wait });
  return {
    manifest: winner,
    committedBy: winner.attemptId === request.attemptId ? 'this attempt' : 'another attempt',
  };
}

function draftManifest(
  request: BackupRequest,
  made: {
    inspection: Inspection;
    parts: ManifestPart[];
    startedAt: Date;
    snapshotAt: Date;
    notes: readonly string[];
  },
): Manifest {
  const { inspection, parts, startedAt, snapshotAt, notes } = made;
  return {
    version: manifestVersion,
    backupId: request.backupId,
    attemptId: request.attemptId,
    attempt: request.attempt,
    database: request.database.name,
    labels: {},
    trigger: request.trigger,
    snapshotAt: snapshotAt.toISOString(),
    startedAt: startedAt.toISOString(),
    finishedAt: startedAt.toISOString(),
    strategy: 'full',
    parent: null,
    engine: inspection.engine,
    source: { ...inspection.source, ...extentOf(request.database) },
    restore: inspection.restore,
    codecs: request.codecs.map(({ name, params }) => ({ name, params })),
    parts,
    bytes: 0,
    ...(request.usualBytes !== undefined && { usualBytes: request.usualBytes }),
    estimatedSourceBytes: inspection.estimatedSourceBytes,
    notes: [...inspection.notes, ...notes],
  };
}

function sealManifest(draft: Manifest, instructions: ManifestPart, finishedAt: Date): Manifest {
  const parts = [...draft.parts, instructions];
  const bytes = parts.flatMap((part) => part.volumes).reduce((sum, volume) => sum + volume.bytes, 0);
  return { ...draft, parts, bytes, finishedAt: finishedAt.toISOString() };
}

/** RESTORE.md is stored as it is, so that it can be read with nothing at hand. */
async function writeInstructions(request: BackupRequest, draft: Manifest): Promise<ManifestPart> {
  const text = restoreInstructions({ manifest: draft, engine: request.engine, codecs: request.codecs });
  const volumes = await writePart({
    storage: request.storage,
    folder: databaseFolder(request.database.name),
    key: `${attemptFolder(request)}RESTORE.md`,
    source: Readable.from([Buffer.from(text)]),
    volumeSize: request.database.volumeSize,
    signal: request.context.signal,
  });
  return { name: 'RESTORE.md', kind: 'instructions', volumes };
}

/**
 * Removes what a failed attempt stored, unless its manifest may be there after all: then removing would break a
 * listed backup. Gives that manifest where it is there: an abort that came after the commit came too late. A manifest
 * that was sent and is not there may still be on its way, for as long as the store likes: its parts are left for sweep.
 * Never throws; the failure that led here is the one to report.
 */
async function leaveNothing(request: BackupRequest, mayArrive: boolean): Promise<Manifest | undefined> {
  const { storage, backupId } = request;
  const signal = AbortSignal.timeout(30_000);
  try {
    const winner = await findManifest({ storage, backupId, signal });
    if (winner?.attemptId === request.attemptId) return winner;
    if (mayArrive && !winner) return undefined;
    await removeAttempt({ ...request, context: { signal } });
  } catch {
    // The storage is gone; a later sweep finds the orphans.
  }
  return undefined;
}
