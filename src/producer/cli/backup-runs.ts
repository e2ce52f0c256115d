import { asBackupDataError, type ErrorDocument, toErrorDocument } from '../../shared/errors.ts';
import type { Enqueued } from '../../shared/queues/enqueued.ts';
import type { BackupResult, DiscoverResult } from '../../shared/queues/payloads.ts';
import type { CliContext } from './context.ts';
import { followJob } from './follow-job.ts';
import type { Service } from './operations.ts';
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

export interface Session extends Service {
  printer: ProgressPrinter;
}

/** What was asked for, and the job of it. */
export interface Asked extends Enqueued {
  /** Or the server. */
  database: string;
}

export async function followRun(context: CliContext, session: Session, asked: Asked): Promise<Run> {
  return settle(context, session, asked, (result) => {
    const { backupId, bytes, duration } = result as BackupResult;
    return { ...begun(asked), backupId, outcome: 'committed', bytes, duration };
  });
}

/** Waits until it is known which databases the server has, then for the run of each. */
export async function followServer(context: CliContext, session: Session, asked: Asked): Promise<Runs> {
  const found: DiscoverResult[] = [];
  const looked = await settle(context, session, asked, (result) => {
    found.push(result as DiscoverResult);
    return begun(asked);
  });
  const [discovered] = found;
  if (!discovered) return { runs: [looked], vanished: [] };
  tell(context, asked.database, discovered);
  const runs = discovered.runs.map((each) => followRun(context, session, each));
  return { runs: await Promise.all(runs), vanished: discovered.vanished };
}

/** What is known of a run that was enqueued. */
export function begun({ database, jobId, as }: Asked): Run {
  return { database, backupId: jobId, as, outcome: 'enqueued', bytes: null, duration: null, error: null };
}

function tell(context: CliContext, server: string, { runs, vanished }: DiscoverResult): void {
  const count = runs.length === 1 ? '1 database' : `${runs.length} databases`;
  context.say(`${server}: ${count}: ${runs.map(({ database }) => database).join(', ')}`);
  for (const database of vanished) context.say(`no longer on the server: ${database} (its backups are kept)`);
}

async function settle(
  context: CliContext,
  session: Session,
  asked: Asked,
  read: (result: unknown) => Run,
): Promise<Run> {
  const { printer } = session;
  const { jobId, database: name } = asked;
  try {
    return read(await followJob(context, session, { jobId, name, printer }));
  } catch (error) {
    if (context.signal.aborted) throw error;
    printer.done();
    return { ...begun(asked), outcome: 'failed', error: toErrorDocument(asBackupDataError(error)) };
  }
}
