import { drillPlaceOf } from '../shared/config/drill-places.ts';
import type { DatabaseConfig } from '../shared/config/schema.ts';
import { BackupDataError } from '../shared/errors.ts';
import { newScratchName } from '../shared/ids.ts';
import { listSome } from '../shared/list-some.ts';
import type { Manifest } from '../shared/manifest.ts';
import { databaseFolder } from './catalog/keys.ts';
import type { Codec } from './codec/codec.ts';
import type { Engine, EngineContext, PartReader, RestoreTarget, Scratch } from './engine/engine.ts';
import { decodeRowCounts, differencesOf } from './engine/row-counts.ts';
import { partReader } from './part/decode.ts';
import { StageFailure } from './process/failure.ts';
import { restore } from './restore.ts';
import type { Storage } from './storage/storage.ts';

/** Where a drill is held, and what must hold in what it restored. */
export interface DrillSettings {
  /** Its server is used; the database that it names is not opened. Null for what is drilled in a folder. */
  target: RestoreTarget | null;
  assertions: readonly string[];
  onPhase: (phase: string) => void;
}

/** A drill on the server of a configured database, or in a folder. A database that left the configuration has no assertions any more. */
export function drillOn(
  target: DatabaseConfig | null,
  source: DatabaseConfig | undefined,
  onPhase: DrillSettings['onPhase'],
): DrillSettings {
  return {
    target: target && { source: target, database: undefined },
    assertions: source?.verify.assertions ?? [],
    onPhase,
  };
}

export interface DrillRequest {
  manifest: Manifest;
  storage: Storage;
  engine: Engine;
  codecs: readonly Codec[];
  context: EngineContext;
  clock: () => Date;
  onBytes: (count: number) => void;
  /** The database that the backup is of, where it is still configured. */
  database?: DatabaseConfig | undefined;
  drill?: DrillSettings | undefined;
}

/** What is recorded of a drill besides its outcome. */
export interface DrillFacts {
  /** Milliseconds that the restore took, reading and hashing included, as it would in an emergency. */
  restore: number;
  /** Of the server that was restored to. */
  serverVersion: string;
  /** Tables whose rows were compared; null where the backup does not say how many they should have. */
  tables: number | null;
  /** Assertions that held. */
  assertions: number;
}

export interface DrillReport {
  facts: DrillFacts;
  /** What is wrong with the backup, as a clause; null when it was proven. */
  finding: string | null;
}

/**
 * Restores a backup into a database that is made for this and dropped whatever happens, and looks whether everything is
 * there. Throws what says nothing of the backup: a server that is away or too old, a right or an extension that is missing.
 */
export async function holdDrill(request: DrillRequest): Promise<DrillReport> {
  const { manifest, engine, drill, context, clock } = request;
  if (!drill) throw nowhere(manifest);
  const target = targetOf(manifest, drill);
  const at = clock();
  const scratch = await engine.scratch({ manifest, target, name: newScratchName(at), at }, context);
  return dropAfterwards(scratch, manifest, () => restoreAndExamine(request, drill, scratch));
}

async function restoreAndExamine(
  request: DrillRequest,
  drill: DrillSettings,
  scratch: Scratch,
): Promise<DrillReport> {
  const startedAt = request.clock();
  const refusal = await restoreInto(request, drill, scratch);
  const facts: DrillFacts = {
    restore: request.clock().getTime() - startedAt.getTime(),
    serverVersion: scratch.serverVersion,
    tables: null,
    assertions: 0,
  };
  if (refusal !== null) return { facts, finding: refusal };
  drill.onPhase('compare');
  return examine(request, { drill, scratch, facts });
}

function targetOf(manifest: Manifest, { target }: DrillSettings): RestoreTarget {
  switch (drillPlaceOf(manifest.engine.name)) {
    case 'in a folder':
      return { source: null, database: undefined };
    case 'never':
      throw new BackupDataError('CONFIG_INVALID', `a backup of ${manifest.engine.name} cannot be drilled`, {
        hint: 'Only its own programs can restore it; verify it with --level decode, and restore it by hand now and then.',
      });
    case 'on a server':
      if (target) return target;
      throw nowhere(manifest);
  }
}

/** Null when it was restored, else why the backup cannot be. */
async function restoreInto(
  request: DrillRequest,
  { onPhase }: DrillSettings,
  scratch: Scratch,
): Promise<string | null> {
  const options = { create: true, noOwner: true, keepOld: false, isolated: true, globals: false, tables: [] };
  try {
    await restore({
      ...request,
      target: scratch.target,
      options: { ...options, confirm: undefined },
      onPhase,
    });
    return null;
  } catch (error) {
    request.context.signal.throwIfAborted();
    const failed = error instanceof BackupDataError && error.code === 'RESTORE_FAILED';
    if (failed && error.cause instanceof StageFailure && scratch.blames(error.cause)) return error.message;
    throw error;
  }
}

interface Drill {
  drill: DrillSettings;
  scratch: Scratch;
  facts: DrillFacts;
}

async function examine(request: DrillRequest, drill: Drill): Promise<DrillReport> {
  const { manifest, storage, codecs, context } = request;
  const folder = databaseFolder(manifest.database);
  const parts = partReader({ storage, folder, codecs, signal: context.signal });
  const missing = await drill.scratch.missing({ manifest, parts });
  if (missing.length > 0) return { facts: drill.facts, finding: `the restore lacks ${listSome(missing, 3)}` };
  return compareRows(manifest, parts, drill);
}

async function compareRows(manifest: Manifest, parts: PartReader, drill: Drill): Promise<DrillReport> {
  const part = manifest.parts.find((each) => each.kind === 'counts');
  if (!part) return assertAll(drill);
  const expected = decodeRowCounts(await parts.read(part));
  const differences = differencesOf(expected, await drill.scratch.count());
  const facts = { ...drill.facts, tables: expected.size };
  if (differences.length > 0) return { facts, finding: listSome(differences, 3) };
  return assertAll({ ...drill, facts });
}

async function assertAll({ drill, scratch, facts }: Drill): Promise<DrillReport> {
  for (const [index, assertion] of drill.assertions.entries()) {
    const refuted = await scratch.refute(assertion);
    const passed = { ...facts, assertions: index };
    if (refuted !== undefined)
      return { facts: passed, finding: `assertion ${index + 1} does not hold: ${assertion}: ${refuted}` };
  }
  return { facts: { ...facts, assertions: drill.assertions.length }, finding: null };
}

/** A finding is told even where the database stays; a proof is not, because it left somebody's rows behind. */
async function dropAfterwards(
  scratch: Scratch,
  manifest: Manifest,
  use: () => Promise<DrillReport>,
): Promise<DrillReport> {
  let report: DrillReport;
  try {
    report = await use();
  } catch (error) {
    await scratch.drop();
    throw error;
  }
  const left = await scratch.drop();
  if (left === undefined) return report;
  if (report.finding !== null) return { ...report, finding: `${report.finding}; ${left}` };
  throw new BackupDataError(
    'RESTORE_FAILED',
    `the drill of ${manifest.backupId} found nothing wrong, but ${left}`,
    {
      hint: 'Drop it yourself, or let a drill on that server sweep it when it is a day old; then verify again.',
    },
  );
}

function nowhere({ database }: Manifest): BackupDataError {
  return new BackupDataError('USAGE', `no server is named to restore ${database} to for a drill`, {
    hint: 'Name a configured database whose server may be used: --target NAME, or verify.target in the configuration.',
  });
}
