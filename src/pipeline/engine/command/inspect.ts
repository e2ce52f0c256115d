import { basename } from 'node:path';
import type { DatabaseConfig, SourceOf } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import { StageFailure, succeeded } from '../../process/failure.ts';
import { createSecretHider } from '../../process/hide-secrets.ts';
import { findNamedProgram } from '../../process/named-program.ts';
import type { EngineContext, Inspection } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { stageOf } from './programs.ts';

/** Milliseconds; what only looks has no reason to take longer. */
const limit = 60_000;

/** Nothing is known of the source but what its `inspect` program says: by its exit code, and in its first line. */
export async function inspect(database: DatabaseConfig, context: EngineContext): Promise<Inspection> {
  const source = sourceFor(database, ['command']);
  const [program = ''] = source.dump;
  const path = await findNamedProgram(program, context.tools);
  return {
    engine: {
      name: 'command',
      serverVersion: source.inspect ? await ask(database.name, source, source.inspect, context) : 'unknown',
      toolVersion: basename(path),
      format: source.extension,
    },
    source: { systemIdentifier: null, database: database.name },
    restore: {
      minToolVersion: '',
      encoding: '',
      collate: '',
      ctype: '',
      owner: '',
      // For RESTORE.md alone: a restore uses the programs of the configuration, never those of a storage.
      settings: [...(source.restore ?? [])],
      roles: [],
    },
    estimatedSourceBytes: 0,
    notes: [],
  };
}

/** The first line that the program writes, without the secrets of its environment. DATABASE_UNREACHABLE when it does not end with code 0 in time. */
async function ask(
  name: string,
  source: SourceOf<'command'>,
  line: readonly string[],
  context: EngineContext,
): Promise<string> {
  const stage = await stageOf(line, source, { ...context, variables: { BACKUPDATA_DATABASE: name } });
  const timeout = AbortSignal.timeout(limit);
  const signal = AbortSignal.any([context.signal, timeout]);
  try {
    const ended = await capture(stage, { signal, maxBytes: 64 * 1024, letGo: true });
    if (!succeeded(ended)) throw new StageFailure([ended]);
    return firstLine(createSecretHider(stage).hide(ended.stdout.toString('utf8'))) || 'unknown';
  } catch (cause) {
    context.signal.throwIfAborted();
    const said = timeout.aborted ? `it did not end within ${limit / 1_000} s` : String(messageOf(cause));
    throw new BackupDataError(
      'DATABASE_UNREACHABLE',
      `the inspect program of ${name} says that it cannot be backed up now: ${said}`,
      { hint: 'Mend what it names; the run is tried again.', cause },
    );
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1).join('').slice(0, 200);
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
