import type { Config } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { createLedger, type Ledger } from '../scheduler/ledger.ts';
import { resumeSchedule as resume } from '../scheduler/resume.ts';
import { findScheduled, type Schedule, type Scheduled, schedulesOf } from '../scheduler/schedules.ts';
import { type OperationsContext, sessionOf } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import { pageInOrder } from './page.ts';
import { describeSchedules } from './schedule-documents.ts';

/** The schedules, of backups and of verifications: when they ran, when they run next, and what was missed. */
export async function listSchedules(
  context: OperationsContext,
  { names, limit, after }: RequestOf<'listSchedules'>,
  { signal, sees }: Call,
): Promise<ResponseOf<'listSchedules'>> {
  const { config, resources } = context.current();
  const items = wanted(config, names).filter(({ data }) => sees(data.database));
  const { client } = await sessionOf(context);
  const ledger = await ledgerOf(context);
  const { page, next } = pageInOrder({ items, limit, after });
  const options = { client, config, ledger, resources, now: context.clock(), signal };
  return { schedules: await describeSchedules(options, page), next };
}

/** In the order of the configuration. An empty list of names says no more than none: by gRPC the two are the same. */
function wanted(config: Config, names: readonly string[] = []): Schedule[] {
  const all = schedulesOf(config);
  const known = new Set(all.map(({ data }) => data.database));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) throw noSchedule(config, unknown);
  const chosen = new Set(names);
  return chosen.size === 0 ? all : all.filter(({ data }) => chosen.has(data.database));
}

/** Enqueues what a schedule would, now. */
export async function runSchedule(
  context: OperationsContext,
  { name }: RequestOf<'runSchedule'>,
): Promise<ResponseOf<'runSchedule'>> {
  const { entry } = find(context, name);
  const { client } = await sessionOf(context);
  const asked = 'database' in entry ? client.backup(entry.database) : client.discover(entry.server);
  return { ...(await asked), database: name };
}

/** Lets the slots pass until it is resumed. */
export async function pauseSchedule(
  context: OperationsContext,
  { name }: RequestOf<'pauseSchedule'>,
  { by }: Call,
): Promise<ResponseOf<'pauseSchedule'>> {
  find(context, name);
  const ledger = await ledgerOf(context);
  await ledger.pause(name, { by, at: context.clock().toISOString() });
  return { name };
}

/** Goes on with the next slot. */
export async function resumeSchedule(
  context: OperationsContext,
  { name }: RequestOf<'resumeSchedule'>,
): Promise<ResponseOf<'resumeSchedule'>> {
  const scheduled = find(context, name);
  const ledger = await ledgerOf(context);
  return { name, wasPaused: await resume({ ledger, scheduled, now: context.clock() }) };
}

async function ledgerOf(context: OperationsContext): Promise<Ledger> {
  const { redis } = await sessionOf(context);
  return createLedger({ redis, installation: context.current().config.installation });
}

function find({ current }: OperationsContext, name: string): Scheduled {
  const { config } = current();
  const found = findScheduled(config, name);
  if (found) return found;
  throw noSchedule(config, name);
}

function noSchedule({ databases, servers, origin }: Config, name: string): BackupDataError {
  if (databases.has(name) || servers.has(name))
    return new BackupDataError(
      'SCHEDULE_NOT_FOUND',
      `${name} has no schedule in the configuration (${origin})`,
      {
        hint: 'Give it `schedule: "0 2 * * *"`; what it has is backed up by `backupdata backup` until then.',
      },
    );
  return new BackupDataError(
    'DATABASE_UNKNOWN',
    `there is no database "${name}" in the configuration (${origin})`,
    {
      hint: 'A database of a server has its server’s schedule; `backupdata schedule list` shows all.',
    },
  );
}
