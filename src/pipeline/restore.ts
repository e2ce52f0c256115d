import { BackupDataError } from '../shared/errors.ts';
import type { Manifest, ManifestPart } from '../shared/manifest.ts';
import { databaseFolder } from './catalog/keys.ts';
import type { Codec } from './codec/codec.ts';
import type { Engine, EngineContext, RestoreOptions, RestorePlan, RestoreTarget } from './engine/engine.ts';
import { refuseOtherTarget } from './engine/source.ts';
import { decodeInto, type PartSource, partReader } from './part/decode.ts';
import { proveVolumes } from './part/sources.ts';
import { StageFailure } from './process/failure.ts';
import type { Storage } from './storage/storage.ts';

export interface RestoreRequest {
  manifest: Manifest;
  target: RestoreTarget;
  options: RestoreOptions;
  storage: Storage;
  /** Other storages that may hold the same backup: what is damaged or missing in `storage` is read from them, in this order. */
  fallbacks?: readonly Storage[];
  engine: Engine;
  codecs: readonly Codec[];
  context: EngineContext;
  onPhase: (phase: RestorePhase) => void;
  onBytes: (count: number) => void;
}

export type RestorePhase = 'check' | 'prepare' | 'restore';

export interface RestoreOutcome {
  backupId: string;
  /** What the operator should know: what was left out, and why. */
  notes: readonly string[];
}

/**
 * Reads and hashes everything that will be needed before the target is opened; then streams it, hashed again, each
 * volume from the storage that proved right. What a failed restore changed is rolled back or dropped.
 */
export async function restore(request: RestoreRequest): Promise<RestoreOutcome> {
  const { manifest, storage, fallbacks = [], codecs, context, onBytes, onPhase } = request;
  const folder = databaseFolder(manifest.database);
  const { signal } = context;
  refuseOtherTarget(request.engine, request.target);
  onPhase('check');
  const { storageOf, notes } = await proveVolumes({
    storages: [storage, ...fallbacks],
    folder,
    parts: manifest.parts.filter(isRestored),
    signal,
    onBytes,
  });
  onPhase('prepare');
  const source: PartSource = { storage, storageOf, folder, codecs, signal };
  const plan = await request.engine.prepareRestore({ ...request, parts: partReader(source) }, context);
  onPhase('restore');
  const restored = await execute(request, { ...source, onBytes }, plan);
  return { backupId: manifest.backupId, notes: [...notes, ...restored] };
}

/** What is for people and for drills must not stop a restore when it is damaged. */
function isRestored({ kind }: ManifestPart): boolean {
  return kind !== 'instructions' && kind !== 'counts';
}

async function execute(
  request: RestoreRequest,
  source: PartSource,
  plan: RestorePlan,
): Promise<readonly string[]> {
  try {
    await decodeInto(source, plan.part, [...(plan.filters ?? []), plan.stage], { partial: !plan.readsAll });
    return await plan.finish();
  } catch (error) {
    const left = await plan.undo();
    const failure = error instanceof StageFailure ? restoreFailed(request, error) : error;
    throw left.length > 0 && failure instanceof BackupDataError ? leftBehind(failure, left) : failure;
  }
}

/** A target that is not as it was must never be taken for one that is. */
function leftBehind({ code, message, cause }: BackupDataError, left: readonly string[]): BackupDataError {
  return new BackupDataError(code, `${message}; ${left.join('; ')}`, {
    hint: 'Drop it yourself before anything uses it; mend the cause and restore again.',
    cause,
  });
}

function restoreFailed({ engine, manifest }: RestoreRequest, failure: StageFailure): BackupDataError {
  const explained = engine.explain(failure, { name: manifest.database });
  if (explained) return explained;
  return new BackupDataError(
    'RESTORE_FAILED',
    `the restore of ${manifest.backupId} failed: ${failure.message}`,
    {
      hint: 'The target is as it was before; mend the cause and restore again.',
      cause: failure,
    },
  );
}
