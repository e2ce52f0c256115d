import type {
  Engine,
  EngineContext,
  PartReader,
  PreparedPart,
  RestoreOptions,
  RestorePlan,
} from '../../src/pipeline/engine/engine.ts';
import type { DatabaseConfig, SourceOf } from '../../src/shared/config/schema.ts';
import type { Manifest, ManifestPart } from '../../src/shared/manifest.ts';
import { Secret } from '../../src/shared/secret.ts';
import { sampleDatabase } from './database.ts';
import { sampleManifest } from './manifest.ts';
import { runStage } from './stage.ts';
import { machineTools } from './tools.ts';

/** A backup that is only in memory: a manifest, and the decoded bytes of its parts by name. */
export interface MemoryBackup {
  manifest: Manifest;
  parts: Map<string, Buffer>;
}

export function engineContext(overrides: Partial<EngineContext> = {}): EngineContext {
  return { tools: machineTools(), connectTimeout: 5_000, signal: AbortSignal.timeout(120_000), ...overrides };
}

export function databaseConfig(url: string): DatabaseConfig & SourceOf<'postgres'> {
  return sampleDatabase({ url: new Secret(url), compression: { type: 'none' } });
}

/** Dumps a database as a run would, without codecs and without a storage. Fails with the tool's own words. */
export async function dumpInMemory(
  engine: Engine,
  url: string,
  context = engineContext(),
): Promise<MemoryBackup> {
  const database = databaseConfig(url);
  const inspection = await engine.inspect(database, context);
  const plan = await engine.plan(database, inspection, context);
  const parts = new Map<string, Buffer>();
  const entries: ManifestPart[] = [];
  for (const { name, kind, source } of plan.parts) {
    const bytes =
      typeof source === 'function' ? preparedBytes(await source(context.signal)) : await output(source);
    if (!bytes) continue;
    parts.set(name, bytes);
    entries.push({ name, kind, volumes: [] });
  }
  await plan.close();
  const { engine: made, source, restore, notes } = inspection;
  return {
    parts,
    manifest: sampleManifest({ engine: made, source, restore, notes: [...notes], parts: entries }),
  };
}

/** Feeds a backup from memory to what an engine asks for. */
export function memoryParts({ parts }: Pick<MemoryBackup, 'parts'>): PartReader {
  const bytesOf = (part: ManifestPart): Buffer => parts.get(part.name) ?? Buffer.alloc(0);
  return {
    collect: async (part, stage) => {
      const { code, stdout, stderr } = await runStage(stage, [bytesOf(part)]);
      if (code !== 0) throw new Error(stderr);
      return stdout;
    },
    read: async (part) => bytesOf(part),
  };
}

export const plainRestore: RestoreOptions = {
  create: false,
  tables: [],
  globals: false,
  noOwner: false,
  keepOld: false,
  confirm: undefined,
};

export interface MemoryRestore {
  plan: RestorePlan;
  notes: readonly string[];
}

/** Prepares, streams and finishes; a stage that fails is undone, and its words are thrown. */
export async function restoreFromMemory(
  engine: Engine,
  backup: MemoryBackup,
  target: { url: string; database?: string; options?: Partial<RestoreOptions>; context?: EngineContext },
): Promise<MemoryRestore> {
  const plan = await prepareFromMemory(engine, backup, target);
  const { code, stderr } = await runStage(plan.stage, [backup.parts.get(plan.part.name) ?? Buffer.alloc(0)]);
  if (code === 0) return { plan, notes: await plan.finish() };
  await plan.undo();
  throw new Error(stderr);
}

export function prepareFromMemory(
  engine: Engine,
  backup: MemoryBackup,
  target: { url: string; database?: string; options?: Partial<RestoreOptions>; context?: EngineContext },
): Promise<RestorePlan> {
  const request = {
    manifest: backup.manifest,
    target: { source: databaseConfig(target.url), database: target.database },
    options: { ...plainRestore, ...target.options },
    parts: memoryParts(backup),
  };
  return engine.prepareRestore(request, target.context ?? engineContext());
}

/** The whole schema as SQL, without the random word that pg_dump puts in. */
export async function schemaOf(engine: Engine, url: string): Promise<string> {
  const context = engineContext();
  const inspection = await engine.inspect(databaseConfig(url), context);
  const plan = await engine.plan(databaseConfig(url), inspection, context);
  const source = plan.parts[0]?.source;
  if (!source || typeof source === 'function') throw new Error('the first part of a plan is the data');
  const sql = await output({ ...source, args: ['--schema-only', '--no-password'] });
  return sql.toString('utf8').replaceAll(/^\\(un)?restrict .*$/gm, '');
}

function preparedBytes(prepared: PreparedPart): Buffer | undefined {
  return 'bytes' in prepared ? prepared.bytes : undefined;
}

async function output(stage: Parameters<typeof runStage>[0]): Promise<Buffer> {
  const { code, stdout, stderr } = await runStage(stage, []);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}
