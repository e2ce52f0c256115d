import type { Job } from 'bullmq';
import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import type { BackupDataError } from '../../shared/errors.ts';
import { timeOfBackup } from '../../shared/ids.ts';
import { failureOf } from '../../shared/queues/failure.ts';
import {
  type BackupResult,
  type JobName,
  type Payload,
  type PruneResult,
  parsePayload,
  type VerifyResult,
} from '../../shared/queues/payloads.ts';
import type { RunEvent } from '../../shared/queues/run-event.ts';
import { type VerifyLevel, verifyLevels } from '../../shared/verification.ts';
import type { Freshness } from '../freshness/freshness.ts';
import { causeOf, describe, type EventContext, type EventParts, linkTo } from './describe.ts';
import type { IncidentKey, IncidentRecord } from './incidents.ts';

/** What a queue tells of a job. */
export interface JobNews {
  job: Job;
  queue: string;
  /** `failed` is told of the last attempt alone. */
  event: 'active' | 'completed' | 'failed';
  /** By the clock of Redis. */
  at: Date;
}

/** What follows from it. */
export interface Consequences {
  tell: RunEvent[];
  opens: { key: IncidentKey; event: RunEvent; subject?: string }[];
  closes: {
    key: IncidentKey;
    recovery: (of: IncidentRecord) => RunEvent;
    isOver?: (of: IncidentRecord) => boolean;
  }[];
}

interface Options extends EventContext {
  freshness: Pick<Freshness, 'get'>;
  /** What the manifest says of what is unusual. */
  notesOf: (backupId: string, database: DatabaseConfig) => Promise<string[]>;
}

const nothing: Consequences = { tell: [], opens: [], closes: [] };

/** What is to be told of a job, and which incidents begin and end with it. What a person cancelled is no failure. */
export async function consequencesOf(options: Options, news: JobNews): Promise<Consequences> {
  const about = subjectOf(options, news.job);
  if (!about) return nothing;
  const failure = news.event === 'failed' ? failureOf(news.job) : undefined;
  if (failure?.code === 'CANCELLED') return nothing;
  const step: Step = { ...options, news, failure, database: about, one: partsOf(options, news) };
  const { name } = news.job;
  if (name === 'backup') return ofBackup(step);
  if (news.event === 'active') return nothing;
  if (name === 'verify') return ofVerify(step);
  if (name === 'prune') return ofPrune(step);
  if (name === 'copy') return ofCopy(step);
  return ofDiscover(step);
}

interface Step extends Options {
  news: JobNews;
  /** Of a job that failed. */
  failure: BackupDataError | undefined;
  database: DatabaseConfig;
  one: Omit<EventParts, 'kind' | 'id'>;
}

/** A server stands for itself where it is asked for its databases. Undefined for what the configuration does not have, and for jobs that nobody is told of. */
function subjectOf({ config }: Options, job: Job): DatabaseConfig | undefined {
  if (job.name === 'discover') return config.servers.get(parsePayload('discover', job.data).server)?.template;
  if (!isTold(job.name)) return undefined;
  return findDatabase(config, parsePayload(job.name, job.data).database);
}

function isTold(name: string): name is Extract<JobName, 'backup' | 'verify' | 'prune' | 'copy'> {
  return ['backup', 'verify', 'prune', 'copy'].includes(name);
}

function partsOf({ config }: Options, { job, queue, at, event }: JobNews): Step['one'] {
  const id = job.id ?? '';
  // While it runs, the attempts that ended are counted alone.
  const attempt = job.attemptsMade + (event === 'active' ? 1 : 0);
  const told = { id, name: job.name, attempt, attempts: job.opts.attempts ?? 1 };
  return { at, job: told, link: linkTo(config, queue, id) };
}

async function ofBackup(step: Step): Promise<Consequences> {
  const { database, news, one, failure } = step;
  const { backupId } = parsePayload('backup', news.job.data);
  const backup = await backupOf(step, backupId);
  const event = (kind: 'start' | 'success' | 'failure', cause: RunEvent['cause']): RunEvent =>
    describe(step, database, { ...one, kind, id: `${kind}-${backupId}`, backup, cause });
  if (news.event === 'active') return { ...nothing, tell: [event('start', null)] };
  if (failure)
    return {
      ...nothing,
      opens: [
        { key: { kind: 'failure', database: database.name }, event: event('failure', causeOf(failure)) },
      ],
    };
  const closes = (['failure', 'missed'] as const).map((kind) =>
    closing({ ...step, one: { ...one, backup } }, { kind, database: database.name }),
  );
  return { ...nothing, tell: [event('success', null)], closes };
}

async function backupOf(
  { news, database, freshness, notesOf }: Step,
  id: string,
): Promise<NonNullable<RunEvent['backup']>> {
  const { job, event } = news;
  const result: BackupResult | undefined = event === 'completed' ? job.returnvalue : undefined;
  const known = freshness.get(database.name)?.newest;
  // A producer that was away tells of runs that others have followed.
  const isEarlier = known && known.backupId !== id && timeOfBackup(known.backupId) <= timeOfBackup(id);
  const lasted = event === 'failed' && job.finishedOn && job.processedOn && job.finishedOn - job.processedOn;
  return {
    id,
    bytes: result?.bytes ?? null,
    previousBytes: isEarlier ? known.bytes : null,
    durationMs: wholeMs(result?.duration ?? (lasted || null)),
    storage: database.storage,
    copies: database.copies.map(({ storage }) => storage),
    notes: result ? await notesOf(id, database) : [],
  };
}

/** A clock that was set back makes a duration that nobody can be told. */
function wholeMs(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.max(0, Math.round(milliseconds));
}

/**
 * An incident of each level: what is weaker does not end it, and is not hidden by it. A verification that could not be made has
 * an incident of its own, because it says nothing of the backup.
 */
function ofVerify(step: Step): Consequences {
  const { database, news, failure } = step;
  const { backupId, level, storage } = parsePayload('verify', news.job.data);
  const one = { ...step.one, backup: plainBackup(backupId, storage) };
  const unmade: IncidentKey = { kind: 'failure', database: database.name, of: `verify/${level}` };
  if (failure && failure.code !== 'VERIFY_FAILED') return ofOther({ ...step, one }, unmade);
  const made = closing({ ...step, one }, unmade);
  const key = (of: VerifyLevel): IncidentKey => ({
    kind: 'verification-failed',
    database: database.name,
    of,
  });
  if (failure) {
    const id = `verification-failed-${news.job.id}`;
    const verification = { level, outcome: 'failed' as const };
    const parts: EventParts = {
      ...one,
      verification,
      kind: 'verification-failed',
      id,
      cause: causeOf(failure),
    };
    const event = describe(step, database, parts);
    return { ...nothing, opens: [{ key: key(level), event, subject: backupId }], closes: [made] };
  }
  const { level: reached }: VerifyResult = news.job.returnvalue;
  const verification = {
    level: verifyLevels.find((each) => each === reached) ?? level,
    outcome: 'ok' as const,
  };
  const proven = verifyLevels.slice(0, verifyLevels.indexOf(level) + 1);
  const closes = proven.map((each) => ({
    ...closing({ ...step, one: { ...one, verification } }, key(each)),
    // A proof of an older backup says nothing of the one that failed.
    isOver: ({ subject }: IncidentRecord) =>
      subject === null || timeOfBackup(backupId) >= timeOfBackup(subject),
  }));
  return { ...nothing, closes: [made, ...closes] };
}

function ofPrune(step: Step): Consequences {
  const { database, news, one, failure } = step;
  const rest = ofOther(step, { kind: 'failure', database: database.name, of: 'prune' });
  if (failure) return rest;
  const { retired, removed }: PruneResult = news.job.returnvalue;
  if (retired.length === 0 && removed === 0) return rest;
  const prune = { retired: retired.length, removed };
  return {
    ...rest,
    tell: [describe(step, database, { ...one, kind: 'prune', id: `${news.job.id}`, prune })],
  };
}

function ofCopy(step: Step): Consequences {
  const { backupId, to }: Payload<'copy'> = parsePayload('copy', step.news.job.data);
  const one = { ...step.one, backup: plainBackup(backupId, to) };
  return ofOther({ ...step, one }, { kind: 'failure', database: step.database.name, of: `copy/${to}` });
}

function ofDiscover(step: Step): Consequences {
  const { name: database } = step.database;
  const rest = ofOther(step, { kind: 'failure', database });
  if (step.failure) return rest;
  return { ...rest, closes: [...rest.closes, closing(step, { kind: 'missed', database })] };
}

/** The same copy may be asked for again under the id of its job: the moment makes the event's own. */
function ofOther(step: Step, key: IncidentKey): Consequences {
  const { database, news, one, failure } = step;
  if (!failure) return { ...nothing, closes: [closing(step, key)] };
  const id = `failure-${news.job.id}-${news.at.getTime()}`;
  const event = describe(step, database, { ...one, kind: 'failure', id, cause: causeOf(failure) });
  return { ...nothing, opens: [{ key, event }] };
}

function closing(step: Step, key: IncidentKey): Consequences['closes'][number] {
  const { database, one } = step;
  return { key, recovery: (of) => describe(step, database, { ...one, ...recoveryOf(key, of) }) };
}

/** What makes an event that of a recovery. */
export function recoveryOf(
  { kind }: IncidentKey,
  { id, since }: IncidentRecord,
): Pick<EventParts, 'kind' | 'id' | 'incident'> {
  return {
    kind: 'recovery',
    id: `recovery-${id}`,
    incident: { kind, since: new Date(since).toISOString() },
  };
}

function plainBackup(id: string, storage: string): NonNullable<RunEvent['backup']> {
  return { id, bytes: null, previousBytes: null, durationMs: null, storage, copies: [], notes: [] };
}
