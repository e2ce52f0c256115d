import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import type { EngineContext, RestoreOptions } from '../engine.ts';
import { addressOf, type Connection } from './connection.ts';
import { onServer, refuseExisting } from './create-database.ts';
import { withSession } from './session.ts';
import { contentsOf, notEmpty, readTargetFacts, type TargetFacts } from './target.ts';
import { type Existence, nothingExists, readExistence } from './target-objects.ts';

/** What a restore found where it is to restore to. */
export interface Target {
  connection: Connection;
  facts: TargetFacts;
  /** Consulted only for a restore of single tables. */
  exists: Existence;
  /** Whether there is something that the operator allowed to be restored over. */
  holdsObjects: boolean;
}

export interface TargetRequest {
  connection: Connection;
  manifest: Manifest;
  options: RestoreOptions;
}

/** Looks at the target and changes nothing. TARGET_EXISTS or TARGET_NOT_EMPTY when it is not as the options demand. */
export async function inspectTarget(request: TargetRequest, context: EngineContext): Promise<Target> {
  refuseOtherConfirmation(request);
  return request.options.create ? inspectServer(request, context) : inspectDatabase(request, context);
}

function refuseOtherConfirmation({ connection, options: { confirm } }: TargetRequest): void {
  if (confirm === undefined || confirm === connection.database) return;
  const { database } = connection;
  throw new BackupDataError(
    'TARGET_NOT_EMPTY',
    `"${confirm}" was typed as confirmation, and the target is "${database}" at ${addressOf(connection)}`,
    {
      hint: `To restore over what is in it, type --confirm ${database}; otherwise correct the target.`,
    },
  );
}

async function inspectServer({ connection }: TargetRequest, context: EngineContext): Promise<Target> {
  return onServer(connection, context, async (session) => {
    await refuseExisting(session, connection);
    return { connection, facts: await readTargetFacts(session), exists: nothingExists, holdsObjects: false };
  });
}

async function inspectDatabase(
  { connection, manifest, options }: TargetRequest,
  context: EngineContext,
): Promise<Target> {
  return withSession({ connection, context, otherwise: 'RESTORE_FAILED' }, async (session) => {
    const facts = await readTargetFacts(session);
    if (options.tables.length > 0)
      return { connection, facts, exists: await readExistence(session), holdsObjects: false };
    const contents = await contentsOf(session);
    if (contents.length > 0 && options.confirm === undefined)
      throw notEmpty({ connection, facts, manifest }, contents.join(', '));
    return { connection, facts, exists: nothingExists, holdsObjects: contents.length > 0 };
  });
}
