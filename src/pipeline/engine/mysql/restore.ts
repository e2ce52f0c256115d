import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import type { EngineContext, PartReader, RestoreOptions, RestorePlan, RestoreTarget } from '../engine.ts';
import { clientStage } from './client-options.ts';
import { addressOf, connectionOf, serverOf } from './connection.ts';
import { createDatabase, dropDatabase } from './create-database.ts';
import { checkDefiners } from './definers.ts';
import { filterStage } from './filter.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';
import { contentsOf, notEmpty, refuseExisting, refuseOlder, refuseOtherConfirmation } from './target.ts';
import type { ClientToolsFinder } from './tools.ts';
import { flavourOf, knowsSandbox, products } from './version.ts';

export interface RestoreRequest {
  manifest: Manifest;
  target: RestoreTarget;
  options: RestoreOptions;
  parts: PartReader;
}

/** Refuses what must be refused, then makes the target ready. */
export async function prepareRestore(
  { manifest, target, options }: RestoreRequest,
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<RestorePlan> {
  const connection = connectionOf(target);
  const at: SessionOptions = { connection, context, finder, otherwise: 'RESTORE_FAILED' };
  const part = dataPartOf(manifest);
  refuseOtherConfirmation({ connection, manifest, options });
  refuseSelection(options);
  const session = await openSession(options.create ? { ...at, connection: serverOf(connection) } : at);
  const { server, tools } = session;
  refuseOlder(manifest, server, connection);
  const over = await inspectTarget(session, { at, manifest, options });
  const definers = options.noOwner ? [] : await checkDefiners(session, { manifest, connection });
  const filter = await filterStage(
    {
      source: manifest.source.database,
      database: connection.database,
      withoutDefiners: options.noOwner,
      withoutRunningEvents: options.isolated ?? false,
      withoutSandbox: !knowsSandbox(tools),
    },
    context,
  );
  if (options.create) await createDatabase(at, manifest.restore);
  return {
    part,
    filters: [filter],
    stage: clientStage(
      {
        program: tools.client,
        args: [...clientArguments, `--database=${connection.database}`],
      },
      { connection, tools },
      context,
    ),
    readsAll: true,
    finish: async () => [...notesOn({ manifest, session, options, over }), ...definers],
    undo: async () => {
      const left = options.create ? await dropDatabase(at) : partial(at);
      return left === undefined ? [] : [left];
    },
  };
}

/**
 * No command of the client but DELIMITER is obeyed, and what is restored is restored byte for byte. A connection that is
 * lost is not made anew: the settings that the dump began with would be lost with it.
 */
const clientArguments = ['--batch', '--binary-mode', '--skip-reconnect', '--max-allowed-packet=1G'];

/** Whether something was there that the operator allowed to be restored over. */
async function inspectTarget(
  session: Session,
  {
    at: { connection },
    manifest,
    options,
  }: { at: SessionOptions; manifest: Manifest; options: RestoreOptions },
): Promise<boolean> {
  if (options.create) {
    await refuseExisting(session, connection);
    return false;
  }
  const contents = await contentsOf(session);
  if (contents.length > 0 && options.confirm === undefined)
    throw notEmpty({ connection, server: session.server, manifest }, contents.join(', '));
  return contents.length > 0;
}

function notesOn({
  manifest,
  session: { server },
  options,
  over,
}: {
  manifest: Manifest;
  session: Session;
  options: RestoreOptions;
  over: boolean;
}): string[] {
  const source = flavourOf(manifest.engine.serverVersion);
  return [
    ...(over ? ['objects of the target that the backup does not have were left as they were'] : []),
    ...(source === server.flavour
      ? []
      : [
          `the backup is of ${products[source]}, the server is ${products[server.flavour]}: look whether everything means the same there`,
        ]),
    ...(options.noOwner && manifest.restore.roles.length > 0
      ? [`views, triggers, events and routines act in the name of ${server.account}`]
      : []),
    ...(options.globals ? ['users and their grants are not in a backup of one database'] : []),
  ];
}

/** Statements that define something end the transaction they are in, so nothing can take them back. */
function partial({ connection }: SessionOptions): string {
  return `the database "${connection.database}" at ${addressOf(connection)} may now hold a part of the backup beside what was there`;
}

function refuseSelection({ tables }: RestoreOptions): void {
  if (tables.length === 0) return;
  throw new BackupDataError('USAGE', 'single tables of this backup cannot be restored', {
    hint: 'Restore everything into a new database with --create, and copy the tables from there.',
  });
}

/** MANIFEST_INVALID when there is none. */
export function dataPartOf(manifest: Manifest): ManifestPart {
  const part = manifest.parts.find((each) => each.kind === 'data');
  if (part) return part;
  throw new BackupDataError('MANIFEST_INVALID', `the manifest of ${manifest.backupId} names no data`, {
    hint: 'Use another backup: `backupdata list`.',
  });
}
