import { join } from 'node:path';
import { backup } from '../../src/pipeline/backup.ts';
import { codecFromManifest, createCodec } from '../../src/pipeline/codec/codecs.ts';
import type {
  EngineContext,
  PlannedPart,
  RestoreOptions,
  RestoreTarget,
} from '../../src/pipeline/engine/engine.ts';
import { engineFor } from '../../src/pipeline/engine/engines.ts';
import type { Tools } from '../../src/pipeline/process/tools.ts';
import { restore } from '../../src/pipeline/restore.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { verify } from '../../src/pipeline/verify.ts';
import type { DatabaseConfig, DatabasePolicy, Source } from '../../src/shared/config/schema.ts';
import { newAttemptId, newBackupId } from '../../src/shared/ids.ts';
import type { Manifest } from '../../src/shared/manifest.ts';
import type { VerifyLevel } from '../../src/shared/verification.ts';
import { samplePolicy } from './database.ts';
import { withFolder } from './folder.ts';
import { engineContext, plainRestore } from './postgres-backup.ts';
import { abortableDelay } from './until.ts';

/** Backups of any engine through the whole pipeline, in this process and without a queue. */
export interface EngineRun {
  /** The root of the storage. */
  path: string;
  storage: Storage;
  /** Stored and committed, or thrown as a worker would see it. */
  backUp(
    source: Source,
    changes?: Partial<DatabasePolicy>,
    context?: Partial<EngineContext>,
  ): Promise<Manifest>;
  /** Its notes. */
  restoreTo(
    manifest: Manifest,
    target: RestoreTarget,
    options?: Partial<RestoreOptions>,
    /** Those of this machine, unless given. */
    tools?: Tools,
  ): Promise<readonly string[]>;
  verify(manifest: Manifest, level: VerifyLevel): Promise<void>;
}

export function withEngineRun<T>(use: (run: EngineRun) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const path = join(folder, 'backups');
    const storage = await openStorage({ name: 'main', config: { type: 'local', path } });
    const context = engineContext();
    const databases = new Map<string, DatabaseConfig>();
    return use({
      path,
      storage,
      backUp: async (source, changes = {}, own = {}) => {
        const database = databaseOf(source, changes);
        const { manifest } = await backup({
          database,
          installation: 'test',
          shared: false,
          backupId: newBackupId({ database: database.name, at: new Date() }),
          attemptId: newAttemptId(),
          attempt: 1,
          trigger: { kind: 'manual' },
          engine: await engineFor(source.engine),
          codecs: [await createCodec({ config: database.compression, tools: context.tools })],
          storage,
          context: { ...context, ...own },
          clock: () => new Date(),
          wait: abortableDelay,
          fence: async () => undefined,
          onBytes: () => undefined,
          onPhase: () => undefined,
          onWarning: () => undefined,
        });
        databases.set(manifest.backupId, database);
        return manifest;
      },
      restoreTo: async (manifest, target, options = {}, tools = context.tools) => {
        const { notes } = await restore({
          manifest,
          target,
          options: { ...plainRestore, ...options },
          storage,
          engine: await engineFor(manifest.engine.name),
          codecs: await codecsOf(manifest),
          context: { ...context, tools },
          onBytes: () => undefined,
          onPhase: () => undefined,
        });
        return notes;
      },
      verify: async (manifest, level) => {
        await verify({
          manifest,
          level,
          storage,
          engine: await engineFor(manifest.engine.name),
          codecs: await codecsOf(manifest),
          database: databases.get(manifest.backupId),
          context,
          clock: () => new Date(),
          onBytes: () => undefined,
        });
      },
    });
  });
}

/** Makes a planned part ready and has it proven, as a run does beside storing it. */
export async function prepareAndProve({ source }: PlannedPart, signal: AbortSignal): Promise<void> {
  const prepared = typeof source === 'function' ? await source(signal) : undefined;
  if (prepared && 'stage' in prepared) await prepared.meanwhile?.(signal);
}

/** A database of that source, with every setting of a policy at its default. */
export function databaseOf(source: Source, changes: Partial<DatabasePolicy> = {}): DatabaseConfig {
  return { ...source, ...samplePolicy(), ...changes };
}

function codecsOf({ codecs, backupId }: Manifest) {
  const { tools } = engineContext();
  return Promise.all(codecs.map((each) => codecFromManifest({ ...each, backupId, identities: [], tools })));
}
