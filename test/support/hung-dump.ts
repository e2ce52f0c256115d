import type { Installation } from './installation.ts';
import { query, type TestPostgres } from './postgres.ts';
import { storedBytes } from './stored.ts';
import { until } from './until.ts';

/**
 * The server hangs while it sends the rows of a dump: its process for that connection is stopped. Gives the way to
 * wake it, which must be called in the end; harmless twice.
 */
export async function hangDump(server: TestPostgres, database: string): Promise<() => void> {
  let stopped: number | undefined;
  await until(`the server hangs while it sends rows of ${database}`, async () => {
    const pid = await dumping(server, database);
    if (pid === undefined || !signal(pid, 'SIGSTOP')) return false;
    if (await answersOthers(server)) {
      stopped = pid;
      return true;
    }
    signal(pid, 'SIGCONT');
    return false;
  });
  return () => {
    if (stopped !== undefined) signal(stopped, 'SIGCONT');
  };
}

/** The process that sends its rows now. */
async function dumping(server: TestPostgres, database: string): Promise<number | undefined> {
  const [found] = await query<{ pid: number }>(
    server.adminUrl,
    `SELECT pid FROM pg_stat_activity WHERE datname = '${database}' AND query LIKE 'COPY %' AND state = 'active'`,
  );
  return found?.pid;
}

/**
 * It counts its rows where all can see, and who looks waits until it has counted: for ever where it was stopped amid that. So does
 * whoever wants a lock that it held just then.
 */
async function answersOthers(server: TestPostgres): Promise<boolean> {
  const look = "SET statement_timeout = '1s'; SELECT count(*) FROM pg_stat_activity";
  return query(server.adminUrl, look).then(
    () => true,
    () => false,
  );
}

/** False where the connection is closed, and its process gone. */
function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** The same in the middle of a run: more than so many bytes of it are stored. */
export async function hangMidway(
  installation: Installation,
  { backupId, source, bytes = 0 }: { backupId: string; source: string; bytes?: number },
): Promise<() => void> {
  await until(
    `a part of ${backupId} is stored`,
    async () => (await storedBytes(installation, backupId)) > bytes,
  );
  return hangDump(installation.postgres, source);
}
