import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createBulk } from '../support/bulk-database.ts';
import { assertComplaint } from '../support/complaint.ts';
import type { CommandResult, Running } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { query } from '../support/postgres.ts';
import type { Fault } from '../support/s3-fault-proxy.ts';
import { type S3Installation, withS3Installation } from '../support/s3-installation.ts';
import { chooseSeed, createSeeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';

const mebibyte = 1024 * 1024;
const unavailable: Fault = { kind: 'answer', status: 500, code: 'InternalError' };

describe('a backup to an S3 storage that fails', () => {
  it('succeeds, is verified and restores while 30 % of all requests fail with 500', (context) =>
    withBulk({ mebibytes: 20 }, async (given) => {
      const { proxy, installation, url, worker } = given;
      const random = createSeeded(chooseSeed());
      context.diagnostic(`TEST_SEED=${random.seed}`);
      proxy.decide(() => (random.below(100) < 30 ? unavailable : undefined));
      const backupId = committed(await installation.run('backup', 'shop', '--json'));
      await untilVerified(given, backupId);
      const copy = installation.postgres.uniqueName();
      const restored = await installation.run('restore', backupId, '--to', `shop/${copy}`, '--create');
      assert.equal(restored.code, 0, restored.stderr);
      assert.deepEqual(await sumOf(installation.postgres.url(copy)), await sumOf(url));
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [backupId], leftovers: 'none' }, given.place);
    }));

  it('fails and names the storage while every request fails, and so does a listing within 15 s', () =>
    withBulk({ mebibytes: 1 }, async (given) => {
      const { proxy, installation, worker } = given;
      proxy.decide(() => unavailable);
      for (const [limit, ...command] of [
        // A run asks for the last backup, too, only to tell how far it is.
        [30_000, 'backup', 'shop'],
        [15_000, 'list'],
      ] as const) {
        const start = performance.now();
        assertComplaint(await installation.run(...command), {
          code: 'STORAGE_UNAVAILABLE',
          message: /the storage offsite \(bucket .*\) fails with HTTP 500/,
        });
        assert.ok(performance.now() - start < limit, `${command[0]} took its time`);
      }
      proxy.heal();
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [], leftovers: 'none' }, given.place);
    }));

  it('succeeds when connections are reset on part 3 and on Complete', () =>
    withBulk({ mebibytes: 34 }, async (given) => {
      const { proxy, installation, worker } = given;
      const struck: string[] = [];
      proxy.decide(({ operation, part }) => {
        if (part !== 3 && operation !== 'CompleteMultipartUpload') return undefined;
        const times = struck.filter((each) => each === operation).length;
        if (times === 2) return undefined;
        struck.push(operation);
        return { kind: 'reset', when: times === 0 ? 'before' : 'after' };
      });
      const backupId = committed(await installation.run('backup', 'shop', '--json'));
      assert.equal(struck.length, 4);
      await untilVerified(given, backupId);
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [backupId], leftovers: 'none' }, given.place);
    }));

  it('fails once no byte moved for noBytes while the store hangs, and takes its upload back', () =>
    withBulk({ mebibytes: 64, timeouts: { noBytes: '3s' } }, async (given) => {
      const { proxy, installation, worker, bucket } = given;
      proxy.decide(({ operation }) => (operation === 'UploadPart' ? { kind: 'hang' } : undefined));
      const start = performance.now();
      assertComplaint(await installation.run('backup', 'shop'), {
        code: 'TIMEOUT',
        message: /no byte moved for 3 s/,
      });
      assert.ok(performance.now() - start < 33_000);
      assert.deepEqual(await bucket.unfinished(), []);
      proxy.heal();
      const backupId = committed(await installation.run('backup', 'shop', '--json'));
      await untilVerified(given, backupId);
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [backupId], leftovers: 'none' }, given.place);
    }));

  it('stays small, holds the dump back and keeps its lock while the store takes 8 MiB a second', () =>
    // What was sent may lie in the buffers of the system for a while.
    withBulk({ mebibytes: 64, timeouts: { request: '10s' } }, async (given) => {
      const { proxy, installation, worker } = given;
      proxy.limit(8 * mebibyte);
      const result = await installation.run('backup', 'shop', '--json');
      const backupId = committed(result);
      const [run] = result.json<{ runs: { duration: number; bytes: number }[] }>().runs;
      assert.ok((run?.bytes ?? 0) >= 64 * mebibyte, 'it compressed');
      assert.ok((run?.duration ?? 0) >= 7_000, `it took ${run?.duration} ms`);
      const peak = await peakMemory(worker);
      assert.ok(peak < 256 * mebibyte, `the worker took ${Math.round(peak / mebibyte)} MiB`);
      proxy.heal();
      await untilVerified(given, backupId);
      assert.doesNotMatch(worker.log(), /LOCK_LOST/);
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [backupId], leftovers: 'none' }, given.place);
    }));
});

type Given = S3Installation & { url: string; worker: Running };

async function withBulk(
  { mebibytes, timeouts = {} }: { mebibytes: number; timeouts?: Record<string, unknown> },
  use: (given: Given) => Promise<void>,
): Promise<void> {
  await withS3Installation(async (given) => {
    const { postgres, start } = given.installation;
    const url = postgres.url(await createBulk(postgres, mebibytes));
    await given.configure({ url, timeouts });
    await use({ ...given, url, worker: await start(['worker']) });
  });
}

function committed(result: CommandResult): string {
  assert.equal(result.code, 0, result.stderr);
  const [run] = result.json<{ runs: { backupId: string }[] }>().runs;
  return run?.backupId ?? '';
}

/** Nothing is being written any more once the job that follows a backup is done. */
async function untilVerified({ bucket }: Given, backupId: string): Promise<void> {
  await until(
    'the backup is verified',
    async () =>
      (await bucket.objects()).some((key) => key.includes(`${backupId}.verified-`) && key.includes('-ok-')),
    60_000,
  );
}

async function sumOf(url: string): Promise<unknown> {
  return await query(url, "SELECT count(*), md5(string_agg(body, '' ORDER BY id)) FROM bulk");
}

/** Bytes of the most memory that the process ever had. */
async function peakMemory({ pid }: Running): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
