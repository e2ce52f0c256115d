import { BackupDataError } from '../../../shared/errors.ts';
import { listSome } from '../../../shared/list-some.ts';
import type { ResponseOf } from '../../operations/contract.ts';
import type { DatabaseDocument } from '../../operations/documents.ts';
import { begun, followRun, followServer, type Run, type Runs, type Session } from '../backup-runs.ts';
import type { CliContext } from '../context.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { type Service, withOperations } from '../operations.ts';
import { createProgressPrinter } from '../output/progress.ts';
import { verb } from '../verb.ts';

interface Options {
  databases: string[] | undefined;
  all: boolean;
  detach: boolean;
}

export const backupVerb = verb<Options>({
  command: 'backup [databases..]',
  remote: true,
  describe: 'Back databases up now, and wait for the outcome',
  lists: ['databases'],
  builder: (parser) =>
    parser
      .positional('databases', {
        type: 'string',
        array: true,
        describe: 'Databases, or servers for all of theirs',
      })
      .option('all', { type: 'boolean', default: false, describe: 'Every database, and every server' })
      .option('detach', {
        type: 'boolean',
        default: false,
        describe: 'Do not wait; print the ids of the runs',
      })
      .example('$0 backup shop', 'Back `shop` up and wait')
      .example('$0 backup --all --detach', 'Start a run of every database'),
  run,
});

async function run(context: CliContext, options: Options): Promise<number> {
  const printer = createProgressPrinter(context);
  const runs = await withOperations(context, async (service) => {
    const chosen = await choose(service, options);
    return runAll(context, { ...service, printer }, chosen, options);
  }).finally(printer.done);
  return conclude(context, runs);
}

async function choose(
  { operations, call, origin }: Service,
  { databases: names = [], all }: Options,
): Promise<DatabaseDocument[]> {
  if (all && names.length > 0)
    throw new BackupDataError('USAGE', 'give names or --all, not both', {
      hint: 'See `backupdata backup --help`.',
    });
  if (names.length > 0) return (await operations.listDatabases({ names }, call)).databases;
  const { databases } = await operations.listDatabases({}, call);
  if (databases.length === 0) {
    throw new BackupDataError('CONFIG_INVALID', `the configuration (${origin}) has no database to back up`, {
      hint: 'Write one below `databases`; `backupdata config example` shows how.',
    });
  }
  if (all || databases.length === 1) return databases;
  const known = databases.map(({ name }) => name);
  throw new BackupDataError('USAGE', 'name the databases to back up, or give --all', {
    hint: `The configuration has ${listSome(known, 20)}.`,
  });
}

async function runAll(
  context: CliContext,
  session: Session,
  chosen: readonly DatabaseDocument[],
  { detach }: Options,
): Promise<Runs> {
  const { operations, call } = session;
  const asked: ResponseOf<'backup'>[] = [];
  for (const { name } of chosen) {
    const request = await operations.backup({ database: name }, call);
    tell(context, request);
    asked.push(request);
  }
  if (detach) return { runs: asked.map(begun), vanished: [] };
  const ended = await Promise.all(
    asked.map(async (each): Promise<Runs> => {
      if (each.kind === 'discover') return followServer(context, session, each);
      return { runs: [await followRun(context, session, each)], vanished: [] };
    }),
  );
  return {
    runs: ended.flatMap(({ runs }) => runs),
    vanished: ended.flatMap(({ vanished }) => vanished),
  };
}

/** Says where a request is not a run of its own. */
function tell(context: CliContext, { database, jobId, as }: ResponseOf<'backup'>): void {
  if (as === 'joined')
    context.say(`${database}: a run that has not started yet already does this; joined ${jobId}`);
  if (as === 'successor')
    context.say(`${database}: a run is active; ${jobId} follows it, with a newer snapshot`);
}

async function conclude(context: CliContext, { runs, vanished }: Runs): Promise<number> {
  const { formatBytes, formatDuration } = await import('../../../shared/config/units.ts');
  const line = ({ backupId, bytes, duration }: Run): string =>
    bytes === null || duration === null
      ? backupId
      : `${backupId}  ${formatBytes(bytes)}  ${formatDuration(duration)}`;
  const failures = runs.flatMap(({ error }) => error ?? []);
  context.print({
    document: { runs, vanished },
    text: runs
      .filter((each) => each.error === null)
      .map(line)
      .join('\n'),
  });
  for (const error of failures) context.complain(error);
  return exitCodeOfAll(failures);
}
