import type { Argv } from 'yargs';
import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import type { CliContext } from '../context.ts';
import { type Service, withOperations } from '../operations.ts';
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
      remote: true,
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
      remote: true,
      describe: 'Enqueue what a schedule would, now, and do not wait',
      exits,
      lists: ['databases'],
      builder: (parser) => chosen(parser).example('$0 schedule run shop', 'Back `shop` up now'),
      run: runNow,
    }),
    verb<Options>({
      command: 'pause [databases..]',
      remote: true,
      describe: 'Let the slots pass until the schedule is resumed',
      exits,
      lists: ['databases'],
      builder: (parser) =>
        chosen(parser).example('$0 schedule pause --all', 'No backup by schedule, whatever the database'),
      run: pause,
    }),
    verb<Options>({
      command: 'resume [databases..]',
      remote: true,
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

async function list(
  context: CliContext,
  { databases: names = [] }: Pick<Options, 'databases'>,
): Promise<number> {
  const { schedulesTable } = await import('../output/schedules-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const { schedules } = await withOperations(context, ({ operations, call }) =>
    operations.listSchedules(names.length > 0 ? { names } : {}, call),
  );
  const width = widthOfTerminal(context.host.stdout);
  const text =
    schedules.length === 0
      ? 'There are no schedules. Give a database `schedule: "0 2 * * *"` in the configuration.'
      : schedulesTable({ schedules, now: context.clock(), width });
  context.print({ document: { schedules }, text });
  for (const { name, problem } of schedules)
    if (problem !== null) context.say(`${name}: what there is could not be read: ${problem}`);
  return 0;
}

async function runNow(context: CliContext, options: Options): Promise<number> {
  const runs = await forEach(context, options, async ({ operations, call }, name) => {
    const { database, jobId, as } = await operations.runSchedule({ name }, call);
    return { database, jobId, as };
  });
  for (const { database, as } of runs) {
    if (as === 'joined') context.say(`${database}: a run that has not started yet already does this`);
    if (as === 'successor') context.say(`${database}: a run is active; the new one follows it`);
  }
  context.print({ document: { runs }, text: runs.map(({ jobId }) => jobId).join('\n') });
  return 0;
}

async function pause(context: CliContext, options: Options): Promise<number> {
  const paused = await forEach(context, options, async ({ operations, call }, name) => {
    await operations.pauseSchedule({ name }, call);
    return name;
  });
  const text = paused
    .map((name) => `${name} is paused until \`backupdata schedule resume ${name}\``)
    .join('\n');
  context.print({ document: { paused }, text });
  return 0;
}

async function resume(context: CliContext, options: Options): Promise<number> {
  const asked = await forEach(context, options, ({ operations, call }, name) =>
    operations.resumeSchedule({ name }, call),
  );
  const text = asked
    .map(({ name, wasPaused }) =>
      wasPaused ? `${name} goes on with its next slot` : `${name} was not paused`,
    )
    .join('\n');
  const resumed = asked.filter(({ wasPaused }) => wasPaused).map(({ name }) => name);
  context.print({ document: { resumed }, text });
  return 0;
}

/** Does something to each of the schedules that are named; to none where one of the names is wrong. */
function forEach<T>(
  context: CliContext,
  options: Options,
  act: (service: Service, name: string) => Promise<T>,
): Promise<T[]> {
  return withOperations(context, async (service) => {
    const done: T[] = [];
    for (const name of await choose(context, service, options)) done.push(await act(service, name));
    return done;
  });
}

async function choose(
  context: CliContext,
  { operations, call }: Service,
  { databases: names = [], all }: Options,
): Promise<string[]> {
  if (all && names.length > 0)
    throw new BackupDataError('USAGE', 'give names or --all, not both', {
      hint: 'See `backupdata schedule --help`.',
    });
  const { databases } = await operations.listDatabases(names.length > 0 ? { names } : {}, call);
  const scheduled = databases.filter(({ schedule }) => schedule !== null).map(({ name }) => name);
  const others = databases.map(({ name }) => name).filter((name) => !scheduled.includes(name));
  // First those that will be refused: then nothing was done yet.
  if (names.length > 0) return [...others, ...scheduled];
  if (all && scheduled.length === 0) context.say('There are no schedules.');
  if (all || scheduled.length === 1) return scheduled;
  throw new BackupDataError('USAGE', 'name the databases, or give --all', {
    hint: `Those with a schedule are ${listSome(scheduled, 20) || 'none'}.`,
  });
}
