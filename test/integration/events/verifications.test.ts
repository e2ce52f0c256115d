import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Job, UnrecoverableError } from 'bullmq';
import { BackupDataError, type ErrorCode, toFailedReason } from '../../../src/shared/errors.ts';
import type { VerifyLevel } from '../../../src/shared/verification.ts';
import { type EventsBench, readAll, withEvents } from '../../support/events-bench.ts';
import { until } from '../../support/until.ts';

const [older, newer] = ['shop-20260102T030405Z-abc234', 'shop-20260103T030405Z-abc234'];

describe('a verification', () => {
  it('that could not be made does not say that a backup is not sound', () =>
    withVerifications(async ({ verify, kinds, told }) => {
      await verify(older, 'decode', 'STORAGE_AUTH');
      await verify(older, 'decode', 'IDENTITY_MISSING');
      await until('it is told', () => kinds().length === 1);
      assert.deepEqual(kinds(), ['failure']);
      assert.equal(told()[0]?.job?.name, 'verify');
      assert.equal(told()[0]?.verification, null);
      await verify(older, 'decode', 'VERIFY_FAILED');
      await until('all is told', () => kinds().length === 3);
      assert.deepEqual(kinds(), ['failure', 'verification-failed', 'recovery']);
      assert.equal(told()[2]?.incident?.kind, 'failure');
      assert.deepEqual(told()[1]?.verification, { level: 'decode', outcome: 'failed' });
    }));

  it('that failed is over when as much is proven, of that backup or a newer one, and not before', () =>
    withVerifications(async ({ verify, kinds, told }) => {
      await verify(newer, 'restore', 'VERIFY_FAILED');
      await verify(newer, 'decode');
      await verify(older, 'restore');
      await verify(older, 'decode', 'VERIFY_FAILED');
      await verify(newer, 'decode');
      await verify(newer, 'restore');
      await until('all is told', () => kinds().length === 4);
      assert.deepEqual(
        told().map(({ kind, verification }) => [kind, verification?.level]),
        [
          ['verification-failed', 'restore'],
          ['verification-failed', 'decode'],
          ['recovery', 'decode'],
          ['recovery', 'restore'],
        ],
      );
    }));

  it('tells the level that was reached', () =>
    withVerifications(async ({ verify, kinds, told }) => {
      await verify(newer, 'decode', 'VERIFY_FAILED');
      await verify(newer, 'decode', undefined, 'checksum');
      await until('all is told', () => kinds().length === 2);
      assert.deepEqual(told()[1]?.verification, { level: 'checksum', outcome: 'ok' });
    }));
});

interface Verifications extends EventsBench {
  /** Waits for the end of a verification that ends so. */
  verify(backupId: string, level: VerifyLevel, code?: ErrorCode, reached?: VerifyLevel): Promise<Job>;
}

function withVerifications(use: (bench: Verifications) => Promise<void>): Promise<void> {
  return withEvents({ databases: { shop: {} } }, async (bench) => {
    const ends = new Map<string, { code: ErrorCode | undefined; level: VerifyLevel }>();
    await bench.stand('maintenance', (job) => {
      const { code, level } = ends.get(job.id ?? '') ?? {};
      if (code) throw new UnrecoverableError(toFailedReason(new BackupDataError(code, 'as asked for')));
      return { backupId: job.data.backupId, level, seconds: 1 };
    });
    await bench.produce();
    await readAll(bench, 'maintenance');
    let count = 0;
    await use({
      ...bench,
      verify: async (backupId, level, code, reached = level) => {
        count += 1;
        const jobId = `verify-${backupId}-${count}`;
        ends.set(jobId, { code, level: reached });
        const request = { backupId, storage: 'main', database: 'shop', level, target: null, followUp: false };
        await bench.client.verify(request, 'default', jobId);
        return bench.ended('maintenance', jobId);
      },
    });
  });
}
