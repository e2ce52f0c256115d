import type { Manifest } from '../../../shared/manifest.ts';
import { notEmpty, refuseOtherConfirmation } from '../confirmation.ts';
import type { EngineContext, RestoreOptions } from '../engine.ts';
import { addressOf, type Connection } from './connection.ts';
import { onServer, refuseExisting } from './create-database.ts';
import { withSession } from './session.ts';
import { contentsOf, type Partition, partitionsOf, readTargetFacts, type TargetFacts } from './target.ts';
import { type Existence, nothingExists, readExistence } from './target-objects.ts';

/** What a restore found where it is to restore to. */
export interface Target {
  connection: Connection;
  facts: TargetFacts;
  /** Consulted only for a restore of single tables. */
  exists: Existence;
  /** Whether there is something that the operator allowed to be restored over. */
  holdsObjects: boolean;
  /** Where the operator allowed to restore over them. */
  partitions: readonly Partition[];
}

export interface TargetRequest {
  connection: Connection;
  manifest: Manifest;
  options: RestoreOptions;
}

/** Looks at the target and changes nothing. TARGET_EXISTS or TARGET_NOT_EMPTY when it is not as the options demand. */
export async function inspectTarget(request: TargetRequest, context: EngineContext): Promise<Target> {
  const { connection, options } = request;
  refuseOtherConfirmation({
    database: connection.database,
    address: addressOf(connection),
    confirm: options.confirm,
  });
  return options.create ? inspectServer(request, context) : inspectDatabase(request, context);
}

async function inspectServer({ connection }: TargetRequest, context: EngineContext): Promise<Target> {
  return onServer(connection, context, async (session) => {
    await refuseExisting(session, connection);
    const facts = await readTargetFacts(session);
    return { connection, facts, exists: nothingExists, holdsObjects: false, partitions: [] };
  });
}

async function inspectDatabase(
  { connection, manifest, options }: TargetRequest,
  context: EngineContext,
): Promise<Target> {
  return withSession({ connection, context, otherwise: 'RESTORE_FAILED' }, async (session) => {
    const facts = await readTargetFacts(session);
    const partitions = options.confirm === undefined ? [] : await partitionsOf(session);
    if (options.tables.length > 0)
      return { connection, facts, exists: await readExistence(session), holdsObjects: false, partitions };
    const contents = await contentsOf(session);
    if (contents.length > 0 && options.confirm === undefined)
      throw notEmpty({
        database: connection.database,
        address: addressOf(connection),
        identity: facts.systemIdentifier,
        manifest,
        holds: contents,
      });
    return { connection, facts, exists: nothingExists, holdsObjects: contents.length > 0, partitions };
  });
}
