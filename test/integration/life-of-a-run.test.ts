import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withFleet } from '../support/fleet.ts';
import { withInstallation } from '../support/installation.ts';
import { metricsOf } from '../support/metrics.ts';
import { makeTools } from '../support/misbehaving-tools.ts';
import { query } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { type LoggedLine, linesOf } from '../support/worker-log.ts';

describe('the life of a run', () => {
  it('is told by one filter over the log, attempt by attempt, and counted once', () =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, start } = installation;
      const url = postgres.url(await postgres.createDatabase());
      await query(url, 'CREATE TABLE item AS SELECT generate_series(1, 1000) AS id');
      const tools = await makeTools(join(path, 'tools'));
      const shop = { engine: 'postgres', url, retention: { last: 1 } };
      await configure({ databases: { shop, idle: { ...shop, pool: 'other' } }, tools: { path: [tools] } });
      await withFleet(installation, async (fleet) => {
        const worker = await start(['worker']);
        const pruned = (backupId: string): Promise<void> =>
          until(`what followed ${backupId} is done`, () =>
            linesOf(worker, backupId).some(({ message }) => message === 'prune done'),
          );
        const first = await fleet.backup('shop');
        await fleet.outcome(first);
        await pruned(first);

        await makeTools(tools, { pg_dump: failsTwice(path) });
        const run = await fleet.backup('shop');
        await fleet.outcome(run);
        await pruned(run);

        const lines = linesOf(worker, run);
        assert.deepEqual(lines.map(told), [
          'backup started, attempt 1',
          'backup failed, attempt 1',
          'backup started, attempt 2',
          'backup failed, attempt 2',
          'backup started, attempt 3',
          'backup committed, attempt 3',
          'backup verified (decode), attempt 1',
          'prune done, attempt 1',
        ]);
        assert.ok(lines.every(({ database }) => database === 'shop'));
        const attempts = Map.groupBy(
          lines.filter(({ job }) => job === 'backup'),
          ({ attempt }) => attempt,
        );
        const ids = [...attempts.values()].map((each) => new Set(each.map(({ attemptId }) => attemptId)));
        assert.deepEqual(
          ids.map((each) => each.size),
          [1, 1, 1],
        );
        assert.equal(new Set(ids.flatMap((each) => [...each])).size, 3);
        assert.ok(!ids.some((each) => each.has(undefined)));
        assert.deepEqual(
          linesOf(worker, first)
            .slice(-1)
            .map(({ message, database }) => ({ message, database })),
          [{ message: 'backup retired', database: 'shop' }],
        );

        const proven =
          'backup_verification_total{database="shop",engine="postgres",level="decode",outcome="ok"}';
        await until(
          'both verifications are counted',
          async () => (await metricsOf(worker)).get(proven) === 2,
        );
        const series = await metricsOf(worker);
        const count = (name: string, labels: string): number | undefined =>
          series.get(`${name}{database="shop",engine="postgres"${labels}}`);
        assert.equal(count('backup_attempts_total', ',outcome="failed"'), 2);
        assert.equal(count('backup_attempts_total', ',outcome="committed"'), 2);
        assert.equal(count('backup_success_total', ''), 2);
        assert.equal(count('backup_failure_total', ''), 0);
        assert.equal(count('backup_size_bytes_sum', ''), count('backup_bytes_total', ''));
        assert.equal(count('backup_verification_total', ',level="decode",outcome="failed"'), 0);
        assert.equal(count('backup_verification_duration_seconds_count', ',level="decode"'), 2);
        assert.equal(count('backup_prune_retired_total', ',storage="main"'), 1);
        assert.equal(count('backup_prune_removed_total', ',storage="main"'), 0);
        assert.equal(count('backup_prune_failures_total', ''), 0);
        assert.ok(![...series.keys()].some((each) => each.includes('idle')), 'its pool is not this worker’s');
        assert.equal(await worker.stop(), 0);
      });
    }));
});

function told({ message, attempt }: LoggedLine): string {
  return `${message}, attempt ${attempt}`;
}

/** A dump that breaks off, two times. */
function failsTwice(path: string): string {
  const file = join(path, 'failed');
  return `if [ "$(cat '${file}' 2>/dev/null | wc -l)" -lt 2 ]; then echo once >> '${file}'; exit 1; fi; exec "$REAL" "$@"`;
}
