import type { Job } from 'bullmq';
import { BackupDataError } from '../../../shared/errors.ts';
import type { JobSummary } from '../../client/jobs.ts';
import type { Successor } from '../../client/successor.ts';
import type { CliContext } from '../context.ts';
import { type QueueSession, withQueues } from '../session.ts';
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
      describe: 'List the jobs that are active or waiting, and those that ended last',
      exits: { 5: redisAway },
      builder: (parser) => parser.example('$0 jobs list --json', 'With all that is known of each'),
      run: list,
    }),
    verb<Options>({
      command: 'show <id>',
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
  const { listJobs } = await import('../../client/jobs.ts');
  const { jobsTable } = await import('../output/jobs-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const jobs = await withQueues(context, ({ client }) => listJobs(client.queues));
  const width = widthOfTerminal(context.host.stdout);
  const text =
    jobs.length === 0
      ? 'There are no jobs. `backupdata backup` makes one.'
      : jobsTable({ jobs, now: context.clock(), width });
  context.print({ document: { jobs }, text });
  return 0;
}

async function show(context: CliContext, { id }: Options): Promise<number> {
  const { jobText } = await import('../output/jobs-text.ts');
  const { widthOfTerminal } = await import('../output/width.ts');
  const job = await withQueues(context, (session) => summaryOf(session, id));
  const text = jobText({ job, now: context.clock(), width: widthOfTerminal(context.host.stdout) });
  context.print({ document: { job }, text });
  return 0;
}

async function cancel(context: CliContext, { id }: Options): Promise<number> {
  const by = context.host.env.USER ?? 'the command line';
  const outcome = await withQueues(context, (session) => cancelFound(session, id, by));
  const text =
    outcome === 'removed'
      ? `${id} is cancelled; it had not started`
      : `${id} was told to stop; its worker ends it within seconds`;
  context.print({ document: { jobId: id, outcome }, text });
  return 0;
}

async function retry(context: CliContext, { id }: Options): Promise<number> {
  const { retryJob } = await import('../../client/retry.ts');
  const resources = await context.resources();
  const { jobId, as } = await withQueues(context, async (session) => {
    const found = await find(session, id);
    return 'job' in found
      ? retryJob({ client: session.client, resources, job: found.job })
      : { jobId: id, as: 'joined' as const };
  });
  if (as === 'joined') context.say('a run that has not started yet already does this');
  if (as === 'successor') context.say('a run is active; the new one follows it');
  context.print({ document: { jobId, as, retryOf: id }, text: jobId });
  return 0;
}

async function summaryOf(session: QueueSession, id: string): Promise<JobSummary> {
  const { summarise } = await import('../../client/jobs.ts');
  const { summariseSuccessor } = await import('../../client/successor.ts');
  const found = await find(session, id);
  return 'job' in found ? summarise(session.client.queues, found.job) : summariseSuccessor(found.successor);
}

async function cancelFound(session: QueueSession, id: string, by: string): Promise<'removed' | 'told'> {
  const { cancelJob } = await import('../../client/jobs.ts');
  const { cancelSuccessor } = await import('../../client/successor.ts');
  const found = await find(session, id);
  const { redis, config } = session;
  const options = { redis, installation: config.installation, by };
  return 'job' in found
    ? cancelJob({ ...options, job: found.job })
    : cancelSuccessor({ ...options, successor: found.successor });
}

/** The job, or the run that is to become one. */
async function find(session: QueueSession, id: string): Promise<{ job: Job } | { successor: Successor }> {
  const { findSuccessor } = await import('../../client/successor.ts');
  const job = await session.client.findJob(id);
  if (job) return { job };
  const successor = await findSuccessor({ ...session, jobId: id });
  if (successor) return { successor };
  // The active run may have ended between the two questions, and made the successor a job.
  const started = await session.client.findJob(id);
  if (started) return { job: started };
  throw new BackupDataError('JOB_NOT_FOUND', `there is no job "${id}" in the queues of this installation`, {
    hint: 'See `backupdata jobs list`. Jobs that have ended are kept for some days; `backupdata list` shows every backup.',
  });
}
