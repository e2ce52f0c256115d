import type { CliContext } from '../context.ts';
import { withOperations } from '../operations.ts';
import { type VerbGroup, verb } from '../verb.ts';

interface Options {
  id: string;
}

const redisAway = 'Redis cannot be reached';

export const jobsVerbs: VerbGroup = {
  command: 'jobs',
  describe: 'Look at the jobs in the queues, cancel them or run them again',
  verbs: [
    verb<object>({
      command: 'list',
      remote: true,
      describe: 'List the jobs that are active or waiting, and those that ended last',
      exits: { 5: redisAway },
      builder: (parser) => parser.example('$0 jobs list --json', 'With all that is known of each'),
      run: list,
    }),
    verb<Options>({
      command: 'show <id>',
      remote: true,
      describe: 'Show one job: its state, its progress and why it failed',
      exits: { 3: 'no such job', 5: redisAway },
      builder: (parser) =>
        parser
          .positional('id', {
            type: 'string',
            demandOption: true,
            describe: 'A job id; the job of a backup has its id',
          })
          .example('$0 jobs show shop-20261122T124001Z-abc234', 'The run that makes this backup'),
      run: show,
    }),
    verb<Options>({
      command: 'cancel <id>',
      remote: true,
      describe: 'Cancel a job that waits or runs; a backup that it has begun is removed',
      exits: { 3: 'no such job, or it has ended', 5: redisAway },
      builder: (parser) =>
        parser
          .positional('id', {
            type: 'string',
            demandOption: true,
            describe: 'A job id, as `jobs list` prints it',
          })
          .example('$0 jobs cancel shop-20261122T124001Z-abc234', 'End that run'),
      run: cancel,
    }),
    verb<Options>({
      command: 'retry <id>',
      remote: true,
      describe: 'Enqueue a new run of what a backup, verify or copy job asked for',
      exits: {
        3: 'no such job, or its database left the configuration',
        4: 'the job is a restore',
        5: redisAway,
      },
      builder: (parser) =>
        parser
          .positional('id', {
            type: 'string',
            demandOption: true,
            describe: 'A job id, as `jobs list` prints it',
          })
          .example('$0 jobs retry shop-20261122T124001Z-abc234', 'Back `shop` up again'),
      run: retry,
    }),
  ],
};

async function list(context: CliContext): Promise<number> {
  const { jobsTable } = await import('../output/jobs-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const { jobs } = await withOperations(context, ({ operations, call }) => operations.listJobs({}, call));
  const width = widthOfTerminal(context.host.stdout);
  const text =
    jobs.length === 0
      ? 'There are no jobs. `backupdata backup` makes one.'
      : jobsTable({ jobs, now: context.clock(), width });
  context.print({ document: { jobs }, text });
  return 0;
}

async function show(context: CliContext, { id: jobId }: Options): Promise<number> {
  const { jobText } = await import('../output/jobs-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const { job } = await withOperations(context, ({ operations, call }) =>
    operations.showJob({ jobId }, call),
  );
  const text = jobText({ job, now: context.clock(), width: widthOfTerminal(context.host.stdout) });
  context.print({ document: { job }, text });
  return 0;
}

async function cancel(context: CliContext, { id: jobId }: Options): Promise<number> {
  const { outcome } = await withOperations(context, ({ operations, call }) =>
    operations.cancelJob({ jobId }, call),
  );
  const text =
    outcome === 'removed'
      ? `${jobId} is cancelled; it had not started`
      : `${jobId} was told to stop; its worker ends it within seconds`;
  context.print({ document: { jobId, outcome }, text });
  return 0;
}

async function retry(context: CliContext, { id }: Options): Promise<number> {
  const { jobId, as, retryOf } = await withOperations(context, ({ operations, call }) =>
    operations.retryJob({ jobId: id }, call),
  );
  if (as === 'joined') context.say('a run that has not started yet already does this');
  if (as === 'successor') context.say('a run is active; the new one follows it');
  context.print({ document: { jobId, as, retryOf }, text: jobId });
  return 0;
}
