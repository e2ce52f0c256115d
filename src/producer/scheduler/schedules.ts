import type { JobSchedulerTemplateOptions } from 'bullmq';
import type { Config, DatabaseConfig, ServerConfig } from '../../shared/config/schema.ts';
import type { Cron } from '../../shared/cron.ts';
import { tickOptions } from '../../shared/queues/options.ts';
import type { Payload } from '../../shared/queues/payloads.ts';

/** One schedule as Redis is to hold it. */
export interface Schedule extends Cron {
  id: string;
  data: Payload<'tick'>;
  opts: JobSchedulerTemplateOptions;
}

/** Every schedule that the configuration asks for. Of a server each is one, for all of its databases. */
export function schedulesOf({ databases, servers, queue }: Config): Schedule[] {
  const opts = tickOptions(queue);
  const templates = [...servers.values()].map(({ template }) => template);
  return [...databases.values(), ...templates].flatMap(({ name, timezone: tz, schedule, verify }) => {
    const of = (kind: Schedule['data']['kind'], pattern: string | null | undefined): Schedule[] =>
      typeof pattern === 'string'
        ? [{ id: `${kind}:${name}`, pattern, tz, data: { kind, database: name }, opts }]
        : [];
    return [...of('backup', schedule), ...of('verify', verify.schedule)];
  });
}

/** A database, or a server, that is backed up by a schedule. */
export interface Scheduled {
  name: string;
  cron: Cron;
  /** Milliseconds. */
  spread: number;
  missed: DatabaseConfig['missed'];
  pool: string;
  entry: { database: DatabaseConfig } | { server: ServerConfig };
}

/** The schedule of that name for backups; undefined where the configuration has none. */
export function findScheduled(config: Config, name: string): Scheduled | undefined {
  const database = config.databases.get(name);
  const server = config.servers.get(name);
  if (database) return scheduledAs(database, { database });
  return server && scheduledAs(server.template, { server });
}

/** All of them, in the order of the configuration. */
export function scheduledOf(config: Config): Scheduled[] {
  return [...config.databases.keys(), ...config.servers.keys()].flatMap(
    (name) => findScheduled(config, name) ?? [],
  );
}

function scheduledAs(
  { name, schedule: pattern, timezone: tz, spread, missed, pool }: DatabaseConfig,
  entry: Scheduled['entry'],
): Scheduled | undefined {
  return pattern === null ? undefined : { name, cron: { pattern, tz }, spread, missed, pool, entry };
}
