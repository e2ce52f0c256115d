import type { Config, DatabaseConfig } from '../../shared/config/schema.ts';
import { jitterOf, nextSlot } from '../../shared/cron.ts';
import type { BackupDataError } from '../../shared/errors.ts';
import { aboutNothing, type RunEvent } from '../../shared/queues/run-event.ts';
import type { Redactor } from '../../shared/redact.ts';
import { addressOf } from './address.ts';

/** What an event is made of besides what happened. */
export interface EventContext {
  config: Config;
  redactor: Redactor;
  now: Date;
}

export type EventParts = Pick<RunEvent, 'kind' | 'id'> & { at: Date } & Partial<
    Pick<
      RunEvent,
      'job' | 'backup' | 'verification' | 'prune' | 'missed' | 'stale' | 'incident' | 'cause' | 'link'
    >
  >;

/** The event of a database, or of a server by its template, with all that is not known null. */
export function describe(
  { config, redactor, now }: EventContext,
  database: DatabaseConfig,
  { at, cause = null, backup = null, ...parts }: EventParts,
): RunEvent {
  // What is cut may be the half of a secret, and has to be masked before.
  const told = (text: string): string => cut(redactor.text(text));
  return {
    version: 1,
    at: at.toISOString(),
    installation: config.installation,
    database: database.name,
    server: redactor.text(addressOf(database)),
    ...aboutNothing,
    ...parts,
    backup: backup && { ...backup, notes: backup.notes.map(told) },
    cause: cause && { ...cause, message: told(cause.message), hint: cause.hint && told(cause.hint) },
    nextRun: nextRun(config, database, now)?.toISOString() ?? null,
  };
}

/** The first line alone: what follows it may be as long as a program liked. */
export function causeOf({ code, message, hint }: BackupDataError): RunEvent['cause'] {
  return { code, message: message.trimStart().split('\n', 1).join(), hint };
}

/** Characters of a text that goes into a job for each notifier; all of it is in the log. */
const longest = 2_000;

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest).toWellFormed()}…` : text;
}

/** Where the console shows a job. */
export function linkTo({ publicUrl }: Config, queue: string, jobId: string): string | null {
  if (publicUrl === null) return null;
  return `${publicUrl}/queues/queue/${encodeURIComponent(queue)}/${encodeURIComponent(jobId)}`;
}

/** The schedule of a database on a server is the server's. */
function nextRun(config: Config, { name, schedule, timezone: tz, spread }: DatabaseConfig, now: Date) {
  if (schedule === null) return undefined;
  const server = config.databases.has(name) ? undefined : serverNameOf(config, name);
  const jitter = jitterOf({ name: server ?? name, spread });
  const slot = nextSlot({ pattern: schedule, tz }, new Date(now.getTime() - jitter));
  return slot && new Date(slot.getTime() + jitter);
}

function serverNameOf({ servers }: Config, name: string): string | undefined {
  return [...servers.keys()].find((server) => name === server || name.startsWith(`${server}.`));
}
