import { query, type TestPostgres } from './postgres.ts';
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
