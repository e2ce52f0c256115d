import { BackupDataError, hasCode, toErrorDocument } from '../shared/errors.ts';
import type { ManifestPart } from '../shared/manifest.ts';
import type { Verification, VerifyLevel } from '../shared/verification.ts';
import { databaseFolder, verificationKey } from './catalog/keys.ts';
import { type DrillFacts, type DrillRequest, holdDrill } from './drill.ts';
import type { PartCheck } from './engine/engine.ts';
import { decodeInto } from './part/decode.ts';
import { checkPart } from './part/read.ts';
import { StageFailure } from './process/failure.ts';

/** `drill` is needed by level restore alone, and no `codecs` by level checksum. */
export interface VerifyRequest extends DrillRequest {
  level: VerifyLevel;
}

/**
 * Proves a backup at a level and records the outcome beside it. A backup found wanting is recorded as failed and
 * thrown as VERIFY_FAILED; when the storage, a tool, a key or a drill's server is not at hand nothing was learned, and
 * nothing is recorded.
 */
export async function verify(request: VerifyRequest): Promise<Verification> {
  const startedAt = request.clock();
  const proof = await prove(request);
  const recording = record(request, startedAt, proof);
  if (!proof.failure) return recording;
  // That the backup is bad must be heard, even where it cannot be written down.
  await recording.catch(() => undefined);
  throw proof.failure;
}

/** What was found; anything that says nothing of the backup is thrown. */
interface Proof {
  failure: BackupDataError | null;
  /** Null for other levels, and where the restore failed. */
  drill: DrillFacts | null;
}

async function prove(request: VerifyRequest): Promise<Proof> {
  try {
    if (request.level === 'restore') {
      const { facts, finding } = await holdDrill(request);
      return { failure: finding === null ? null : failed(request, finding), drill: facts };
    }
    for (const part of request.manifest.parts) await verifyPart(request, part);
    return { failure: null, drill: null };
  } catch (error) {
    return { failure: asVerdict(request, error), drill: null };
  }
}

async function verifyPart(request: VerifyRequest, part: ManifestPart): Promise<void> {
  const { manifest, storage, engine, codecs, context, onBytes, database } = request;
  const source = {
    storage,
    folder: databaseFolder(manifest.database),
    codecs,
    signal: context.signal,
    onBytes,
  };
  if (request.level === 'checksum' || part.kind === 'instructions') return checkPart({ ...source, part });
  const check = await engine.check(part, manifest, context, database);
  try {
    await decodeInto(source, part, check?.stage ?? null);
    await finish(request, check);
  } catch (error) {
    refuseFullDisk(request, error);
    // Damaged bytes look like ones for other keys, or stop a program long before their hash is known.
    if (hasCode(error, 'IDENTITY_MISSING') || isRefusal(error)) await checkPart({ ...source, part });
    throw error;
  } finally {
    await check?.close();
  }
}

/** A long look at what was kept reads no more of what is stored. */
async function finish({ drill }: VerifyRequest, check: PartCheck | null): Promise<void> {
  if (!check) return;
  drill?.onPhase('compare');
  await check.finish();
  drill?.onPhase('verify');
}

/** A check that writes what it reads says nothing of the backup where the disk of this machine is full. */
function refuseFullDisk({ engine, manifest }: VerifyRequest, error: unknown): void {
  if (!(error instanceof StageFailure)) return;
  const known = engine.explain(error, { name: manifest.database });
  if (known?.code === 'DISK_FULL') throw known;
}

/** The failure as a verdict on the backup; anything that says nothing of the backup is thrown on as it is. */
function asVerdict(request: VerifyRequest, error: unknown): BackupDataError {
  request.context.signal.throwIfAborted();
  if (!isDamage(error) && !isRefusal(error)) throw error;
  return failed(request, error.message, error);
}

function isDamage(error: unknown): error is BackupDataError {
  return hasCode(error, 'OBJECT_DAMAGED') || hasCode(error, 'OBJECT_NOT_FOUND');
}

function failed({ manifest, level }: VerifyRequest, reason: string, cause?: Error): BackupDataError {
  return new BackupDataError(
    'VERIFY_FAILED',
    `backup ${manifest.backupId} failed verification (${level}): ${reason}`,
    {
      hint: `Back the database up again now. A restore takes damaged parts from a copy where there is one; else use an older backup: \`backupdata list ${manifest.database}\`.`,
      cause,
    },
  );
}

/**
 * A program that was killed, for want of memory perhaps, did not say that the backup is bad. One that did not read all of it
 * has not said that it is good.
 */
function isRefusal(error: unknown): error is StageFailure {
  if (!(error instanceof StageFailure)) return false;
  if (error.endedEarly) return true;
  return error.exits.some((exit) => !exit.stopped && exit.code !== null && exit.code !== 0);
}

async function record(
  request: VerifyRequest,
  startedAt: Date,
  { failure, drill }: Proof,
): Promise<Verification> {
  const { manifest, storage, context, clock } = request;
  const at = clock();
  const milliseconds = drill?.restore ?? at.getTime() - startedAt.getTime();
  const verification: Verification = {
    at,
    // That stored bytes are damaged is what their hashes tell, whatever else was asked: of a copy it says nothing.
    level: isDamage(failure?.cause) ? 'checksum' : request.level,
    outcome: failure ? 'failed' : 'ok',
    seconds: Math.round(milliseconds / 1_000),
  };
  const details = {
    backupId: manifest.backupId,
    attemptId: manifest.attemptId,
    ...verification,
    asked: request.level,
    error: failure && toErrorDocument(failure),
    ...(drill && { drill }),
  };
  const body = Buffer.from(`${JSON.stringify(details, null, 2)}\n`);
  await storage.put(verificationKey(manifest.backupId, verification), body, { signal: context.signal });
  return verification;
}
