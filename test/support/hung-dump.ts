import type { Installation } from './installation.ts';
import { query, type TestPostgres } from './postgres.ts';
import { storedBytes } from './stored.ts';
import { until } from './until.ts';

/**
 * The server hangs while it sends the rows of a dump: its process for that connection is stopped. Gives the way to
 * wake it, which must be called in the end; harmless twice.
 */
export async function hangDump(server: TestPostgres, database: string): Promise<() => void> {
  let pid: number | undefined;
  await until(`rows of ${database} are being dumped`, async () => {
    const [found] = await query<{ pid: number }>(
      server.adminUrl,
      `SELECT pid FROM pg_stat_activity WHERE datname = '${database}' AND query LIKE 'COPY %' AND state = 'active'`,
    );
    pid = found?.pid;
    return pid !== undefined;
  });
  const stopped = pid ?? 0;
  process.kill(stopped, 'SIGSTOP');
  return () => {
    try {
      process.kill(stopped, 'SIGCONT');
    } catch {
      // The connection is closed, and its process gone.
    }
  };
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
