import { Readable } from 'node:stream';
import { BackupDataError } from '../shared/errors.ts';
import type { ManifestPart, ManifestVolume } from '../shared/manifest.ts';
import type { Attempt } from './attempt.ts';
import { attemptFolder, databaseFolder } from './catalog/keys.ts';
import type { Inspection, PlannedPart, PreparedPart, PreparedStage, Trailer } from './engine/engine.ts';
import { writePart } from './part/write.ts';
import { allOrNone } from './process/all-or-none.ts';
import { StageFailure } from './process/failure.ts';
import { type RunningStages, startStages } from './process/run.ts';
import { openTailStage } from './process/tail-stage.ts';
import { through } from './process/through.ts';
import { checkSignature } from './signature.ts';

export interface DumpedParts {
  parts: ManifestPart[];
  /** What the manifest must tell of parts that could not be made. */
  notes: string[];
}

/** Makes and stores every part that the engine plans, all at once; when one fails the others are stopped. */
export async function dumpParts(
  attempt: Attempt,
  inspection: Inspection,
  onPhase: (phase: 'prepare' | 'dump') => void,
): Promise<DumpedParts> {
  const plan = await attempt.engine.plan(attempt.database, inspection, attempt.context);
  try {
    const dumped = await allOrNone(
      plan.parts.map(
        (planned) => (signal: AbortSignal) => dumpPart({ ...attempt, onPhase }, planned, signal),
      ),
      attempt.context.signal,
    );
    return {
      parts: dumped.flatMap((each) => (typeof each === 'string' ? [] : [each])),
      notes: dumped.filter((each) => typeof each === 'string'),
    };
  } finally {
    await plan.close();
  }
}

interface Dumping extends Attempt {
  onPhase: (phase: 'prepare' | 'dump') => void;
}

/** The stored part, or the sentence that says why there is none. */
async function dumpPart(
  attempt: Dumping,
  planned: PlannedPart,
  signal: AbortSignal,
): Promise<ManifestPart | string> {
  const prepared = await prepare(attempt, planned, signal);
  if ('missing' in prepared) return prepared.missing;
  if ('stage' in prepared) return dumpPrepared(attempt, planned, { ...prepared, signal });
  const encoders = attempt.codecs.flatMap((codec) => codec.inProcess?.encode() ?? []);
  const output = through(Readable.from([prepared.bytes]), encoders);
  return storePart(attempt, planned, { output, running: null, signal });
}

async function prepare(
  { onPhase }: Dumping,
  { kind, source }: PlannedPart,
  signal: AbortSignal,
): Promise<PreparedPart> {
  if (typeof source !== 'function') return { stage: source };
  if (kind !== 'data') return source(signal);
  onPhase('prepare');
  const prepared = await source(signal);
  if (!isQuiet(prepared)) onPhase('dump');
  return prepared;
}

/** Whether the stage may have to wait for what runs beside it: then the phase is `prepare` until that has ended. */
function isQuiet(prepared: PreparedPart): boolean {
  return 'stage' in prepared && prepared.meanwhile !== undefined && !prepared.flows;
}

async function dumpPrepared(
  attempt: Dumping,
  planned: PlannedPart,
  { signal, ...prepared }: PreparedStage & { signal: AbortSignal },
): Promise<ManifestPart> {
  const { meanwhile, ...dumping } = prepared;
  if (!meanwhile) return dumpStage(attempt, planned, { ...dumping, signal });
  const stored = Promise.withResolvers<ManifestPart>();
  const store = async (both: AbortSignal): Promise<void> =>
    stored.resolve(await dumpStage(attempt, planned, { ...dumping, signal: both }));
  const beside = async (both: AbortSignal): Promise<void> => {
    await meanwhile(both);
    if (isQuiet(prepared)) attempt.onPhase('dump');
  };
  await allOrNone([store, beside], signal);
  return stored.promise;
}

async function dumpStage(
  attempt: Attempt,
  planned: PlannedPart,
  { stage, finish, signal }: Pick<PreparedStage, 'stage' | 'finish'> & { signal: AbortSignal },
): Promise<ManifestPart> {
  const encoders = attempt.codecs.map((codec) => codec.encode()).filter((each) => each !== null);
  const tail = planned.trailer ? await openTailStage(attempt.context.tools) : null;
  const stages = [stage, ...(tail ? [tail.stage] : []), ...encoders];
  const { nice } = attempt.database;
  try {
    const running = await startStages({
      stages: stages.map((each) => ({ ...each, nice })),
      input: 'none',
      signal,
    });
    const part = await storePart(attempt, planned, { output: running.output, running, signal, finish });
    if (tail && planned.trailer) requireTrailer(attempt, planned, planned.trailer, tail.last());
    return part;
  } finally {
    tail?.close();
  }
}

/** A tool may end well and have written only half. */
function requireTrailer(
  { database }: Attempt,
  { name }: PlannedPart,
  { isIn, what }: Trailer,
  end: Buffer,
): void {
  if (isIn(end)) return;
  throw new BackupDataError(
    'DUMP_FAILED',
    `the dump of ${database.name} (${name}) is not whole: the tool ended well, but its output does not end with ${what}`,
    { hint: 'Run `backupdata check`; the tool that is found first may not be the real one.' },
  );
}

async function storePart(
  attempt: Attempt,
  planned: PlannedPart,
  stream: {
    output: Readable;
    running: RunningStages | null;
    signal: AbortSignal;
    finish?: PreparedStage['finish'];
  },
): Promise<ManifestPart> {
  const volumes = await storeVolumes(attempt, planned, stream);
  await stream.finish?.();
  const part: ManifestPart = { name: planned.name, kind: planned.kind, volumes };
  if (planned.signature)
    await checkSignature(attempt, { part, signature: planned.signature, signal: stream.signal });
  return part;
}

async function storeVolumes(
  attempt: Attempt,
  planned: PlannedPart,
  { output, running, signal }: { output: Readable; running: RunningStages | null; signal: AbortSignal },
): Promise<ManifestVolume[]> {
  const extensions = attempt.codecs.map((codec) => codec.extension).filter((extension) => extension !== '');
  try {
    const volumes = await writePart({
      storage: attempt.storage,
      folder: databaseFolder(attempt.database.name),
      key: attemptFolder(attempt) + [planned.name, ...extensions].join('.'),
      source: output,
      volumeSize: attempt.database.volumeSize,
      signal,
      onBytes: attempt.onBytes,
    });
    await running?.finished;
    return volumes;
  } catch (error) {
    // The programs are gone before the failure is told: nothing of ours outlives its run.
    await running?.finished.catch(() => undefined);
    throw error instanceof StageFailure ? dumpFailed(attempt, planned, error) : error;
  }
}

function dumpFailed(attempt: Attempt, planned: PlannedPart, failure: StageFailure): BackupDataError {
  const explained = attempt.engine.explain(failure, attempt.database);
  if (explained) return explained;
  return new BackupDataError(
    'DUMP_FAILED',
    `the dump of ${attempt.database.name} (${planned.name}) failed: ${failure.message}`,
    {
      hint: 'Run `backupdata check` to see whether the database and its tools are in order.',
      cause: failure,
    },
  );
}
