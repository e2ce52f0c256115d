import type { ManifestPart, RestoreFacts } from '../../../shared/manifest.ts';
import type { Stage } from '../../process/stage.ts';
import type { EngineContext, RestorePlan } from '../engine.ts';
import type { Connection } from './connection.ts';
import { applySettings, createDatabase, dropDatabase } from './create-database.ts';
import { connectionEnvironment, databaseArgument } from './environment.ts';
import { createRoles, dropRoles, type RolePlan } from './roles.ts';
import type { Selection } from './select-tables.ts';
import type { ClientTools } from './tools.ts';
import { type UseList, writeUseList } from './use-list.ts';

/** A restore that nothing speaks against any more. */
export interface RestoreSteps {
  connection: Connection;
  tools: ClientTools;
  part: ManifestPart;
  /** The database to make, unless it is there. */
  create: { restore: RestoreFacts; owner: string | undefined } | null;
  roles: RolePlan;
  /** Null for everything. */
  selection: Selection | null;
  /** More arguments for pg_restore. */
  args: readonly string[];
  notes: readonly string[];
}

/** Makes what must be there before the data comes. What it made is taken back when it fails, or when the plan is undone. */
export async function executeRestore(steps: RestoreSteps, context: EngineContext): Promise<RestorePlan> {
  const made: TakeBack[] = [];
  const undo = async (): Promise<readonly string[]> => {
    const left: (string | undefined)[] = [];
    for (let takeBack = made.pop(); takeBack; takeBack = made.pop()) left.push(await takeBack());
    return left.filter((each) => each !== undefined);
  };
  try {
    const list = await makeReady(steps, made, context);
    return {
      part: steps.part,
      stage: restoreStage(steps, list, context),
      readsAll: list === null,
      finish: async () => {
        await list?.remove();
        const settings = steps.create
          ? await applySettings(steps.connection, steps.create.restore.settings, context)
          : [];
        return [...steps.notes, ...settings];
      },
      undo,
    };
  } catch (error) {
    await undo();
    throw error;
  }
}

/** Gives a clause about what stays where it fails. */
type TakeBack = () => Promise<string | undefined>;

async function makeReady(
  { connection, create, roles, selection }: RestoreSteps,
  made: TakeBack[],
  context: EngineContext,
): Promise<UseList | null> {
  context.signal.throwIfAborted();
  const list = selection ? await writeUseList(selection.entries) : null;
  if (list) made.push(() => list.remove().then(() => undefined));
  await createRoles(connection, roles, context);
  made.push(() => dropRoles(connection, roles, context).then(() => undefined));
  if (create) {
    await createDatabase({ connection, ...create }, context);
    made.push(() => dropDatabase(connection, context));
  }
  context.signal.throwIfAborted();
  return list;
}

/**
 * A database that was made for this restore is dropped when it fails; in one that was there everything is one
 * transaction. One transaction over thousands of tables needs more locks than most servers allow.
 */
function restoreStage(
  { connection, tools, create, args }: RestoreSteps,
  list: UseList | null,
  context: EngineContext,
): Stage {
  return {
    program: tools.pgRestore,
    args: [
      ...['--exit-on-error', '--no-password', `--dbname=${databaseArgument(connection.database)}`],
      ...(create ? [] : ['--single-transaction']),
      ...args,
      ...(list ? [`--use-list=${list.path}`] : []),
    ],
    env: connectionEnvironment(connection, context),
  };
}
