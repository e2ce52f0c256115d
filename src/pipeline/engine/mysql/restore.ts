import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import type { Stage } from '../../process/stage.ts';
import { notEmpty, refuseOtherConfirmation } from '../confirmation.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, PartReader, RestoreOptions, RestorePlan, RestoreTarget } from '../engine.ts';
import {
  type AccountPlan,
  dropAccounts,
  finishAccounts,
  makeAccounts,
  namesOf,
  noAccounts,
  planAccounts,
} from './accounts.ts';
import { clientStage } from './client-options.ts';
import { addressOf, connectionOf, serverOf } from './connection.ts';
import { createDatabase, dropDatabase, uninterrupted } from './create-database.ts';
import { checkDefiners } from './definers.ts';
import { filterStage } from './filter.ts';
import { namesItself } from './notes.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';
import { type ChosenTables, chooseTables, dropMade, tablesStage } from './tables.ts';
import { contentsOf, refuseAlike, refuseExisting, refuseOlder } from './target.ts';
import type { ClientToolsFinder } from './tools.ts';
import { flavourOf, knowsSandbox, products } from './version.ts';

export interface RestoreRequest {
  manifest: Manifest;
  target: RestoreTarget;
  options: RestoreOptions;
  parts: PartReader;
}

/** What was found out before anything is changed. */
interface Found extends RestoreRequest {
  at: SessionOptions;
  part: ManifestPart;
  session: Session;
  /** Null for everything. */
  chosen: ChosenTables | null;
  /** Whether something was there that the operator allowed to be restored over. */
  over: boolean;
}

/** Refuses what must be refused, then makes the target ready. */
export async function prepareRestore(
  request: RestoreRequest,
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<RestorePlan> {
  const { manifest, target, options } = request;
  const connection = connectionOf(target);
  const at: SessionOptions = { connection, context, finder, otherwise: 'RESTORE_FAILED' };
  const part = dataPartOf(manifest);
  refuseOtherConfirmation({
    database: connection.database,
    address: addressOf(connection),
    confirm: options.confirm,
  });
  const session = await openSession(options.create ? { ...at, connection: serverOf(connection) } : at);
  refuseOlder(manifest, session.server, connection);
  if (options.tables.length === 0) refuseAlike(manifest, session.server, connection);
  const found = await inspectTarget({ ...request, at, part, session });
  const accounts = options.globals
    ? await planAccounts(session, { manifest, connection, parts: request.parts })
    : noAccounts;
  const made = namesOf(accounts);
  const definers = options.noOwner ? [] : await checkDefiners(session, { manifest, connection, made });
  const filters = await filtersFor(found, context);
  await makeAccounts(at, accounts);
  if (options.create)
    await createDatabase(at, manifest.restore).catch((error) => without(accounts, at, error));
  return {
    part,
    filters,
    stage: restoreStage(found, context),
    readsAll: true,
    finish: async () => [...notesOn(found), ...definers, ...(await finishAccounts(at, accounts))],
    undo: async () => {
      const left = await takeBack(found);
      const account = await dropAccounts(at, accounts);
      return account === undefined ? left : [...left, account];
    },
  };
}

/** Looks at the target and changes nothing. TARGET_EXISTS, TARGET_NOT_EMPTY or TABLE_NOT_FOUND. */
async function inspectTarget(request: Omit<Found, 'chosen' | 'over'>): Promise<Found> {
  const { at, manifest, options, session } = request;
  const { connection, context } = at;
  if (options.create) await refuseExisting(session, connection);
  const chosen =
    options.tables.length > 0
      ? await chooseTables({ ...request, tables: options.tables }, options.create ? null : session, context)
      : null;
  const contents = options.create ? [] : (chosen?.existing ?? (await contentsOf(session)));
  if (contents.length > 0 && options.confirm === undefined)
    throw notEmpty({
      database: connection.database,
      address: addressOf(connection),
      identity: session.server.identity,
      manifest,
      holds: contents,
    });
  return { ...request, chosen, over: contents.length > 0 };
}

async function filtersFor(
  { at: { connection }, manifest, options, session, chosen }: Found,
  context: EngineContext,
): Promise<readonly Stage[]> {
  const rewriting = {
    source: manifest.source.database,
    database: connection.database,
    withoutDefiners: options.noOwner,
    withoutRunningEvents: options.isolated ?? false,
    withoutSandbox: !knowsSandbox(session.tools),
  };
  return [...(chosen ? [await tablesStage(chosen, context)] : []), await filterStage(rewriting, context)];
}

function restoreStage({ at: { connection }, session: { tools } }: Found, context: EngineContext): Stage {
  const args = [...clientArguments, `--database=${connection.database}`];
  return clientStage({ program: tools.client, args }, { connection, tools }, context);
}

async function takeBack({ at, options, chosen }: Found): Promise<readonly string[]> {
  if (options.create) {
    const left = await dropDatabase(at);
    return left === undefined ? [] : [left];
  }
  return chosen ? dropMade(() => openSession(uninterrupted(at)), chosen, at) : [partial(at)];
}

/**
 * What the source holds although its own rules would refuse it now is restored as it is, and neither a long statement nor a
 * slow storage ends the restore. A column of type TIMESTAMP gets nothing by itself, as the oldest servers would have it. MySQL
 * reads comments where MariaDB has more to set.
 */
const restoreSession = [
  'SET SESSION autocommit = 1, SESSION wait_timeout = 28800 /*M!100201',
  ', SESSION check_constraint_checks = 0, SESSION innodb_strict_mode = 0, SESSION max_statement_time = 0 */',
  '/*M!101000 , SESSION explicit_defaults_for_timestamp = 1 */',
].join('');

/**
 * No command of the client but DELIMITER is obeyed, and what is restored is restored byte for byte. A connection that is
 * lost is not made anew: the settings that the dump began with would be lost with it.
 */
const clientArguments = [
  ...['--batch', '--binary-mode', '--skip-reconnect', '--max-allowed-packet=1G'],
  // Else comments are taken out of routines, triggers and events.
  '--comments',
  `--init-command=${restoreSession}`,
];

function notesOn({ at, manifest, session: { server }, options, chosen, over }: Found): string[] {
  const source = flavourOf(manifest.engine.serverVersion);
  const renamed = at.connection.database !== manifest.source.database;
  return [
    ...(renamed ? manifest.notes.filter((note) => note.startsWith(namesItself)) : []),
    ...(over && !chosen
      ? ['objects of the target that the backup does not have were left as they were']
      : []),
    ...(source === server.flavour
      ? []
      : [
          `the backup is of ${products[source]}, the server is ${products[server.flavour]}: look whether everything means the same there`,
        ]),
    ...(options.noOwner && manifest.restore.roles.length > 0
      ? [`views, triggers, events and routines act in the name of ${server.account}`]
      : []),
  ];
}

/** Statements that define something end the transaction they are in, so nothing can take them back. */
function partial({ connection }: SessionOptions): string {
  return `the database "${connection.database}" at ${addressOf(connection)} may now hold a part of the backup beside what was there`;
}

/** No plan comes to be that could be undone. */
async function without(accounts: AccountPlan, at: SessionOptions, error: unknown): Promise<never> {
  await dropAccounts(at, accounts);
  throw error;
}
