import { buffer } from 'node:stream/consumers';
import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import { startStages } from '../../process/run.ts';
import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import {
  type DefinitionRow,
  type Definitions,
  definitionsOf,
  definitionsQuery,
  definitionsStage,
  lackOf,
  parseDefinitions,
} from './definitions.ts';
import type { Session } from './session.ts';

/**
 * Has the dump program write what is not tables, and compares that with what the server has. A dump program leaves out what
 * it is not shown and ends with code 0, so that it was told to write them is no proof. DUMP_FAILED when something lacks.
 */
export async function proveDefinitions(
  { session, stage, left }: { session: Session; stage: Stage; left: ReadonlySet<string> },
  context: EngineContext,
): Promise<void> {
  // Something may be made or dropped between the two looks: then the second pair agrees.
  if ((await missingNow({ session, stage, left }, context)).length === 0) return;
  const missing = await missingNow({ session, stage, left }, context);
  if (missing.length === 0) return;
  throw new BackupDataError('DUMP_FAILED', `the dump would lack what the server has: ${listSome(missing)}`, {
    hint: "Look whether the dump program is the server's own and as new; `backupdata check` shows which one is used.",
  });
}

async function missingNow(
  { session, stage, left }: { session: Session; stage: Stage; left: ReadonlySet<string> },
  context: EngineContext,
): Promise<string[]> {
  const rows = await session.query<DefinitionRow>(definitionsQuery);
  const dumped = await readDefinitions(stage, context);
  return lackOf(definitionsOf(rows, left), dumped, /^(?!TABLE |VIEW |SEQUENCE )/);
}

async function readDefinitions(stage: Stage, context: EngineContext): Promise<Definitions> {
  const reader = await definitionsStage(context);
  const running = await startStages({ stages: [stage, reader], input: 'none', signal: context.signal });
  const [printed] = await Promise.all([buffer(running.output), running.finished]);
  return parseDefinitions(printed.toString('utf8'));
}
