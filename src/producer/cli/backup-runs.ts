import type { Redis } from 'ioredis';
import type { Config, DatabaseConfig, ServerConfig } from '../../shared/config/schema.ts';
import { asBackupDataError, type ErrorDocument, toErrorDocument } from '../../shared/errors.ts';
import type { Enqueued } from '../../shared/queues/enqueued.ts';
import { discoverKey } from '../../shared/queues/options.ts';
import type { BackupResult, DiscoverResult } from '../../shared/queues/payloads.ts';
import type { Client } from '../client/client.ts';
import type { CliContext } from './context.ts';
import { followJob } from './follow-job.ts';
import type { ProgressPrinter } from './output/progress.ts';

/** How one database of the command fared; of a server only while nobody looked which databases it has. */
export interface Run {
  database: string;
  backupId: string;
  as: Enqueued['as'];
  outcome: 'committed' | 'enqueued' | 'failed';
  bytes: number | null;
  /** Milliseconds. */
  duration: number | null;
  error: ErrorDocument | null;
}

export interface Runs {
  runs: readonly Run[];
  /** Databases that are no longer on their servers. */
  vanished: readonly string[];
}

export interface Session {
  config: Config;
  client: Client;
  redis: Redis;
  printer: ProgressPrinter;
}

interface Asked {
  database: Pick<DatabaseConfig, 'name' | 'pool'>;
  request: Enqueued;
}

export async function followRun(context: CliContext, session: Session, asked: Asked): Promise<Run> {
  const { name } = asked.database;
  return settle(context, session, { ...asked, onlyOne: name }, (result) => {
    const { backupId, bytes, duration } = result as BackupResult;
    return { ...begun(asked), backupId, outcome: 'committed', bytes, duration };
  });
}

/** Waits until it is known which databases the server has, then for the run of each. */
export async function followServer(
  context: CliContext,
  session: Session,
  { server, request }: { server: ServerConfig; request: Enqueued },
): Promise<Runs> {
  const asked = { database: server.template, request };
  const { name } = server.template;
  const found: DiscoverResult[] = [];
  const looked = await settle(context, session, { ...asked, onlyOne: discoverKey(name) }, (result) => {
    found.push(result as DiscoverResult);
    return begun(asked);
  });
  const [discovered] = found;
  if (!discovered) return { runs: [looked], vanished: [] };
  tell(context, name, discovered);
  const runs = discovered.runs.map(({ database, ...run }) =>
    followRun(context, session, { database: { name: database, pool: server.template.pool }, request: run }),
  );
  return { runs: await Promise.all(runs), vanished: discovered.vanished };
}

/** What is known of a run that was enqueued. */
export function begun({ database, request }: Asked): Run {
  return {
    database: database.name,
    backupId: request.jobId,
    as: request.as,
    outcome: 'enqueued',
    bytes: null,
    duration: null,
    error: null,
  };
}

function tell(context: CliContext, server: string, { runs, vanished }: DiscoverResult): void {
  const count = runs.length === 1 ? '1 database' : `${runs.length} databases`;
  context.say(`${server}: ${count}: ${runs.map(({ database }) => database).join(', ')}`);
  for (const database of vanished) context.say(`no longer on the server: ${database} (its backups are kept)`);
}

async function settle(
  context: CliContext,
  { config, client, redis, printer }: Session,
  { database, request, onlyOne }: Asked & { onlyOne: string },
  read: (result: unknown) => Run,
): Promise<Run> {
  const { installation } = config;
  const { name, pool } = database;
  const queue = client.queue('backups', pool);
  const { jobId } = request;
  try {
    return read(await followJob(context, { redis, installation, queue, jobId, onlyOne, name, printer }));
  } catch (error) {
    if (context.signal.aborted) throw error;
    printer.done();
    const document = toErrorDocument(asBackupDataError(error));
    return { ...begun({ database, request }), outcome: 'failed', error: document };
  }
}
