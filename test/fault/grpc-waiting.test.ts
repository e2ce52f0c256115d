import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Message } from '../../src/producer/api/grpc/messages.ts';
import { errorKey, jobKey } from '../../src/producer/api/grpc/proto.ts';
import { outcomeOf } from '../../src/producer/operations/outcome.ts';
import { hasCode } from '../../src/shared/errors.ts';
import { createBulk } from '../support/bulk-database.ts';
import { type Called, callRpc, type GrpcBench, withGrpc } from '../support/grpc.ts';
import { hangMidway } from '../support/hung-dump.ts';
import { type Installation, type Running, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { callOfTest } from '../support/operations.ts';
import { query } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const call = callOfTest();

describe('a call that waits for a backup', () => {
  it('tells the job at once, and answers with what was committed', () =>
    withShop(1, async ({ bench, installation, worker }) => {
      const { error, answer, metadata } = await callRpc(bench.channel(), 'RunBackup', { database: 'shop' });
      assert.equal(error, null);
      const { jobId, kind, result } = answer as { jobId: string; kind: string; result: Message };
      assert.deepEqual(metadata.get(jobKey), [jobId]);
      assert.equal(kind, 'backup');
      const { backup } = result as { backup: { backupId: string; bytes: number } };
      assert.equal(backup.backupId, jobId);
      const { manifest } = await bench.operations.showBackup({ backup: jobId }, call);
      assert.equal(manifest.bytes, backup.bytes);
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [jobId], leftovers: 'none' });
    }));

  it('is aborted by what the backup fails with', () =>
    withShop(1, async ({ bench }) => {
      const { error } = await callRpc(bench.channel(), 'RunBackup', { database: 'gone' });
      assert.equal(error?.code, status.NOT_FOUND);
      assert.match(String(error.metadata.get(errorKey)[0]), /"code":"DATABASE_MISSING"/);
    }));

  it('waits for every database of a server', () =>
    withShop(1, async ({ bench, source }) => {
      const { error, answer } = await callRpc(bench.channel(), 'RunBackup', { database: 'cluster' });
      assert.equal(error, null);
      const { kind, backups } = answer as { kind: string; backups: { backupId: string }[] };
      assert.equal(kind, 'discover');
      assert.equal(backups.length, 1);
      const backup = backups[0]?.backupId ?? '';
      const shown = await bench.operations.showBackup({ backup }, call);
      assert.equal(shown.manifest.source.database, source);
    }));

  const ends: [string, (end: AbortController) => Parameters<typeof callRpc>[3], status][] = [
    ['whose deadline passes', () => ({ deadline: 6_000 }), status.DEADLINE_EXCEEDED],
    ['that is cancelled', (end) => ({ signal: end.signal }), status.CANCELLED],
  ];
  for (const [what, options, code] of ends)
    it(`${what} takes the backup along, with its programs`, () =>
      withShop(16, async ({ bench, installation, source, worker }) => {
        const end = new AbortController();
        const { called, jobId } = await begin(bench, { ...options(end) });
        const wake = await hangMidway(installation, { backupId: jobId, source });
        try {
          end.abort();
          assert.equal((await called).error?.code, code);
          await assert.rejects(
            outcomeOf(bench.operations, { jobId, call }),
            (error) => hasCode(error, 'CANCELLED') && error.message === 'cancelled by admin',
          );
        } finally {
          wake();
        }
        assert.equal(await worker.stop(), 0);
        await assertInvariants(installation, { committed: [], leftovers: 'none' });
      }));

  it('leaves a backup alone that it only joined, or that it did not wait for', () =>
    withShop(1, async ({ bench }) => {
      // Nobody takes it before the end of the test.
      const asked = await callRpc(bench.channel(), 'RunBackup', { database: 'idle', detach: true });
      const { jobId, as, result } = asked.answer as { jobId: string; as: string; result?: object };
      assert.deepEqual([as, result], ['new', undefined]);
      const end = new AbortController();
      const joined = await begin(bench, { signal: end.signal }, 'idle');
      assert.equal(joined.jobId, jobId);
      end.abort();
      assert.equal((await joined.called).error?.code, status.CANCELLED);
      assert.equal((await bench.operations.showJob({ jobId }, call)).job.state, 'waiting');
    }));

  it('is told when the server stops, and its backup goes on', () =>
    withShop(16, async ({ bench, installation, source }) => {
      const { called, jobId } = await begin(bench, {});
      const enough = new AbortController();
      const seen: string[] = [];
      const following = (async () => {
        const updates = bench.remote().operations.follow({ jobId }, callOfTest(enough.signal));
        for await (const { state } of updates) seen.push(state);
      })();
      await until('it is followed', () => seen.includes('active'));
      const wake = await hangMidway(installation, { backupId: jobId, source });
      const asked = performance.now();
      await bench.stop();
      assert.ok(performance.now() - asked < 5_000);
      const { error } = await called;
      assert.equal(error?.code, status.UNAVAILABLE);
      assert.match(error.details, /^the server is stopping; jobs go on$/);
      wake();
      assert.ok(await outcomeOf(bench.operations, { jobId, call }));
      assert.equal(seen.at(-1), 'reconnecting');
      enough.abort();
      await assert.rejects(following);
    }));
});

describe('a restore and a verification that are waited for', () => {
  it('answer with their outcome, or with why they failed', () =>
    withShop(1, async ({ bench, installation }) => {
      const channel = bench.channel();
      const backup = ((await callRpc(channel, 'RunBackup', { database: 'shop' })).answer as { jobId: string })
        .jobId;
      const verified = await callRpc(channel, 'Verify', { backup, level: 'checksum' });
      assert.equal((verified.answer.result as { verify: { level: string } }).verify.level, 'checksum');
      const targetDatabase = installation.postgres.uniqueName();
      const request = { backup, database: 'shop', targetDatabase, create: true };
      const restored = await callRpc(channel, 'Restore', request);
      assert.equal((restored.answer.result as { restore: { backupId: string } }).restore.backupId, backup);
      const [counted] = await query<{ count: number }>(
        installation.postgres.url(targetDatabase),
        'SELECT count(*)::int AS count FROM bulk',
      );
      assert.equal(counted?.count, 1_024);
      const again = await callRpc(channel, 'Restore', request);
      assert.equal(again.error?.code, status.ALREADY_EXISTS);
    }));
});

interface Scene {
  bench: GrpcBench;
  installation: Installation;
  /** The database on the server. */
  source: string;
  worker: Running;
}

/** A worker for a database `shop` of so many mebibytes, for one that is not there, and for a server that has it too; for `idle` there is none. */
function withShop(mebibytes: number, use: (scene: Scene) => Promise<void>): Promise<void> {
  return withInstallation(async (installation) => {
    const { postgres, configure } = installation;
    const source = await createBulk(postgres, mebibytes);
    const shop = { engine: 'postgres', url: postgres.url(source) };
    await configure({
      databases: {
        shop,
        gone: { ...shop, url: postgres.url('not_there_at_all') },
        idle: { ...shop, pool: 'nobody' },
        cluster: { engine: 'postgres', discover: { url: postgres.url('postgres'), include: [source] } },
      },
    });
    const worker = await installation.start(['worker']);
    await withGrpc(installation, (bench) => use({ bench, installation, source, worker }));
  });
}

/** Calls RunBackup, and knows of the job while it is waited for. */
async function begin(
  bench: GrpcBench,
  options: Parameters<typeof callRpc>[3],
  database = 'shop',
): Promise<{ called: Promise<Called>; jobId: string }> {
  let jobId: string | undefined;
  const called = callRpc(
    bench.channel(),
    'RunBackup',
    { database },
    {
      ...options,
      onMetadata: (metadata) => {
        jobId = metadata.get(jobKey)[0]?.toString();
      },
    },
  );
  await until('the job is known', () => jobId !== undefined);
  return { called, jobId: jobId ?? '' };
}
