import type { Job, Queue } from 'bullmq';
import { BackupDataError } from '../../shared/errors.ts';
import { databaseOf, isBackupId } from '../../shared/ids.ts';
import { cancelJob as cancel } from '../client/cancel.ts';
import type { QueueSession } from '../client/open.ts';
import { retryJob as retry } from '../client/retry.ts';
import { cancelSuccessor, findSuccessor, type Successor } from '../client/successor.ts';
import { type OperationsContext, sessionOf } from './context.ts';
import { type Call, listedStates, type RequestOf, type ResponseOf } from './contract.ts';
import { summarise, summariseSuccessor } from './job-document.ts';
import { pageOf, type SortKey } from './page.ts';

type State = (typeof listedStates)[number];

/** Of each state and queue, where nobody says how many. */
const usual = 20;
/** Of each state and queue, the newest, where a list is asked for in pages or of one database. */
const most = 1_000;

/** Jobs of all queues, those that need attention first: active, waiting, delayed, then the latest failed and completed. Newest first. */
export async function listJobs(
  context: OperationsContext,
  { state, database, limit, after }: RequestOf<'listJobs'>,
  { sees }: Call,
): Promise<ResponseOf<'listJobs'>> {
  const { client } = await sessionOf(context);
  const count = limit === undefined && database === undefined ? usual : most;
  const found = await Promise.all(
    (state ? [state] : listedStates).flatMap((each) =>
      client.queues.map((queue) => jobsIn(queue, each, count)),
    ),
  );
  const items = found.flat().filter(({ job }) => {
    const names = namesIn(job);
    // Of a job that names nothing only who sees everything is told.
    const isSeen = names.length > 0 ? names.every(sees) : sees('');
    return isSeen && (database === undefined || names[0] === database);
  });
  const { page, next } = pageOf({ items, keyOf, order, limit, after });
  return { jobs: await Promise.all(page.map(({ job }) => summarise(client.queues, job))), next };
}

interface Found {
  state: State;
  job: Job;
}

async function jobsIn(queue: Queue, state: State, count: number): Promise<Found[]> {
  const jobs = await queue.getJobs([state], 0, count - 1);
  return jobs.filter((job) => job !== undefined).map((job) => ({ state, job }));
}

/** Of the database or the server that a job is about, and of the database whose backup it works with. */
function namesIn({ data }: Job): string[] {
  const { database, server, backupId }: Record<string, unknown> = data ?? {};
  const owner = typeof backupId === 'string' && isBackupId(backupId) ? databaseOf(backupId) : undefined;
  return [database ?? server, owner].filter((name) => typeof name === 'string');
}

function keyOf({ state, job }: Found): SortKey {
  return [String(listedStates.indexOf(state)), String(job.finishedOn ?? job.timestamp), job.id ?? ''];
}

function order(a: SortKey, b: SortKey): number {
  const [[state, time, id = ''], [otherState, otherTime, otherId = '']] = [a, b];
  const byState = Number(state) - Number(otherState);
  if (byState !== 0) return byState;
  const byTime = Number(otherTime) - Number(time);
  if (byTime !== 0 || id === otherId) return byTime;
  return id < otherId ? -1 : 1;
}

export async function showJob(
  context: OperationsContext,
  { jobId }: RequestOf<'showJob'>,
): Promise<ResponseOf<'showJob'>> {
  const session = await sessionOf(context);
  const found = await find(context, session, jobId);
  return {
    job:
      'job' in found
        ? await summarise(session.client.queues, found.job)
        : summariseSuccessor(found.successor),
  };
}

export async function cancelJob(
  context: OperationsContext,
  { jobId }: RequestOf<'cancelJob'>,
  { by }: Call,
): Promise<ResponseOf<'cancelJob'>> {
  const session = await sessionOf(context);
  const found = await find(context, session, jobId);
  const { installation } = context.current().config;
  const options = { redis: session.redis, installation, by };
  const outcome = await ('job' in found
    ? cancel({ ...options, job: found.job })
    : cancelSuccessor({ ...options, successor: found.successor }));
  return { jobId, outcome };
}

/** Enqueues a new run of what a job asked for; of a run that has not started yet that one will do. */
export async function retryJob(
  context: OperationsContext,
  { jobId }: RequestOf<'retryJob'>,
): Promise<ResponseOf<'retryJob'>> {
  const session = await sessionOf(context);
  const found = await find(context, session, jobId);
  if (!('job' in found)) return { jobId, as: 'joined', retryOf: jobId };
  const { resources } = context.current();
  const asked = await retry({ client: session.client, resources, job: found.job });
  return { ...asked, retryOf: jobId };
}

/** The job, or the run that is to become one. */
async function find(
  { current }: OperationsContext,
  session: QueueSession,
  jobId: string,
): Promise<{ job: Job } | { successor: Successor }> {
  const { client, redis } = session;
  const job = await client.findJob(jobId);
  if (job) return { job };
  const successor = await findSuccessor({ client, redis, config: current().config, jobId });
  if (successor) return { successor };
  // The active run may have ended between the two questions, and made the successor a job.
  const started = await client.findJob(jobId);
  if (started) return { job: started };
  throw new BackupDataError(
    'JOB_NOT_FOUND',
    `there is no job "${jobId}" in the queues of this installation`,
    {
      hint: 'See `backupdata jobs list`. Jobs that have ended are kept for some days; `backupdata list` shows every backup.',
    },
  );
}
