import type { Argv } from 'yargs';
import type { Config } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import type { Enqueued } from '../../../shared/queues/enqueued.ts';
import type { Ledger } from '../../scheduler/ledger.ts';
import type { Scheduled } from '../../scheduler/schedules.ts';
import type { CliContext } from '../context.ts';
import { type QueueSession, withQueues } from '../session.ts';
import { type VerbGroup, verb } from '../verb.ts';

interface Options {
  databases: string[] | undefined;
  all: boolean;
}

const exits = { 3: 'no such database, or it has no schedule', 5: 'Redis cannot be reached' } as const;

export const scheduleVerbs: VerbGroup = {
  command: 'schedule',
  describe: 'Look at the schedules, run one now, pause and resume them',
  verbs: [
    verb<Pick<Options, 'databases'>>({
      command: 'list [databases..]',
      describe: 'List the schedules: when they ran, when they run next, and what was missed',
      exits,
      lists: ['databases'],
      builder: (parser) =>
        parser
          .positional('databases', {
            type: 'string',
            array: true,
            describe: 'Databases, or servers; all when left out',
          })
          .example('$0 schedule list shop', 'When `shop` is backed up next'),
      run: list,
    }),
    verb<Options>({
      command: 'run [databases..]',
      describe: 'Enqueue what a schedule would, now, and do not wait',
      exits,
      lists: ['databases'],
      builder: (parser) => chosen(parser).example('$0 schedule run shop', 'Back `shop` up now'),
      run: runNow,
    }),
    verb<Options>({
      command: 'pause [databases..]',
      describe: 'Let the slots pass until the schedule is resumed',
      exits,
      lists: ['databases'],
      builder: (parser) =>
        chosen(parser).example('$0 schedule pause --all', 'No backup by schedule, whatever the database'),
      run: pause,
    }),
    verb<Options>({
      command: 'resume [databases..]',
      describe: 'Go on with the next slot',
      exits,
      lists: ['databases'],
      builder: (parser) =>
        chosen(parser).example('$0 schedule resume shop', 'Back `shop` up by schedule again'),
      run: resume,
    }),
  ],
};

function chosen(parser: Argv): Argv<object> {
  return parser
    .positional('databases', { type: 'string', array: true, describe: 'Databases, or servers' })
    .option('all', { type: 'boolean', default: false, describe: 'Every one that has a schedule' });
}

async function list(context: CliContext, { databases }: Pick<Options, 'databases'>): Promise<number> {
  const { summariseSchedules } = await import('../../scheduler/summary.ts');
  const { schedulesTable } = await import('../output/schedules-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const names = databases?.length ? await scheduledNames(context, databases) : undefined;
  const resources = await context.resources();
  const now = context.clock();
  const schedules = await withLedger(context, ({ client, config, ledger }) =>
    summariseSchedules({ client, config, ledger, resources, now, signal: context.signal }, names),
  );
  const width = widthOfTerminal(context.host.stdout);
  const text =
    schedules.length === 0
      ? 'There are no schedules. Give a database `schedule: "0 2 * * *"` in the configuration.'
      : schedulesTable({ schedules, now, width });
  context.print({ document: { schedules }, text });
  for (const { name, problem } of schedules)
    if (problem !== null) context.say(`${name}: what there is could not be read: ${problem}`);
  return 0;
}

async function runNow(context: CliContext, options: Options): Promise<number> {
  const scheduled = await choose(context, options);
  const runs = await withQueues(context, async ({ client }) => {
    const asked: (Enqueued & { database: string })[] = [];
    for (const { name, entry } of scheduled) {
      const request = 'database' in entry ? client.backup(entry.database) : client.discover(entry.server);
      asked.push({ database: name, ...(await request) });
    }
    return asked;
  });
  for (const { database, as } of runs) {
    if (as === 'joined') context.say(`${database}: a run that has not started yet already does this`);
    if (as === 'successor') context.say(`${database}: a run is active; the new one follows it`);
  }
  context.print({ document: { runs }, text: runs.map(({ jobId }) => jobId).join('\n') });
  return 0;
}

async function pause(context: CliContext, options: Options): Promise<number> {
  const names = (await choose(context, options)).map(({ name }) => name);
  const by = context.host.env.USER ?? 'the command line';
  const at = context.clock().toISOString();
  await withLedger(context, async ({ ledger }) => {
    for (const name of names) await ledger.pause(name, { by, at });
  });
  const text = names
    .map((name) => `${name} is paused until \`backupdata schedule resume ${name}\``)
    .join('\n');
  context.print({ document: { paused: names }, text });
  return 0;
}

async function resume(context: CliContext, options: Options): Promise<number> {
  const { resumeSchedule } = await import('../../scheduler/resume.ts');
  const wanted = await choose(context, options);
  const names = wanted.map(({ name }) => name);
  const now = context.clock();
  const resumed = await withLedger(context, async ({ ledger }) => {
    const found: string[] = [];
    for (const scheduled of wanted)
      if (await resumeSchedule({ ledger, scheduled, now })) found.push(scheduled.name);
    return found;
  });
  const text = names
    .map((name) => (resumed.includes(name) ? `${name} goes on with its next slot` : `${name} was not paused`))
    .join('\n');
  context.print({ document: { resumed }, text });
  return 0;
}

async function choose(context: CliContext, { databases: names = [], all }: Options): Promise<Scheduled[]> {
  const { findScheduled, scheduledOf } = await import('../../scheduler/schedules.ts');
  const config = await context.config();
  const every = scheduledOf(config);
  if (all && names.length > 0)
    throw new BackupDataError('USAGE', 'give names or --all, not both', {
      hint: 'See `backupdata schedule --help`.',
    });
  if (all && every.length === 0) context.say('There are no schedules.');
  if (all || (names.length === 0 && every.length === 1)) return every;
  if (names.length === 0)
    throw new BackupDataError('USAGE', 'name the databases, or give --all', {
      hint: `Those with a schedule are ${
        listSome(
          every.map(({ name }) => name),
          20,
        ) || 'none'
      }.`,
    });
  return [...new Set(names)].map((name) => findScheduled(config, name) ?? fail(noSchedule(config, name)));
}

/** Those too that only have a schedule of verifications. */
async function scheduledNames(context: CliContext, names: readonly string[]): Promise<string[]> {
  const { schedulesOf } = await import('../../scheduler/schedules.ts');
  const config = await context.config();
  const known = new Set(schedulesOf(config).map(({ data }) => data.database));
  return [...new Set(names)].map((name) => (known.has(name) ? name : fail(noSchedule(config, name))));
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

async function withLedger<T>(
  context: CliContext,
  use: (session: QueueSession & { ledger: Ledger }) => Promise<T>,
): Promise<T> {
  const { createLedger } = await import('../../scheduler/ledger.ts');
  return withQueues(context, (session) => {
    const { installation } = session.config;
    return use({ ...session, ledger: createLedger({ redis: session.redis, installation }) });
  });
}

function fail(error: BackupDataError): never {
  throw error;
}
