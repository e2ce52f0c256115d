import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import type { DumpPlan, EngineContext, Trailer } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { stageOf } from './programs.ts';

/** What the dump program writes, as it is: it must write something, and end as a whole dump ends where that is known. */
export async function plan(database: DatabaseConfig, context: EngineContext): Promise<DumpPlan> {
  const source = sourceFor(database, ['command']);
  const variables = { BACKUPDATA_DATABASE: database.name };
  return {
    parts: [
      {
        name: `data.${source.extension}`,
        kind: 'data',
        source: await stageOf(source.dump, source, { ...context, variables }),
        signature: 'any',
        ...(source.trailer !== undefined && { trailer: trailerOf(source.trailer) }),
      },
    ],
    close: async () => undefined,
  };
}

function trailerOf(trailer: string): Trailer {
  return { isIn: (end) => end.includes(trailer), what: `the trailer "${trailer}"` };
}
