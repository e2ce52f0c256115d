import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hasCode } from '../../src/shared/errors.ts';
import { type Fleet, withFleet } from '../support/fleet.ts';
import { type Installation, quickQueue, type Running, withInstallation } from '../support/installation.ts';
import { assertInvariants } from '../support/invariants.ts';
import { until } from '../support/until.ts';
import { linesOf } from '../support/worker-log.ts';

describe('the program after a run', () => {
  it('runs when the run is cancelled', () =>
    withHungDump({}, async ({ installation, fleet, worker, backupId, said }) => {
      await fleet.cancel(backupId);
      await assert.rejects(fleet.outcome(backupId), (error) => hasCode(error, 'CANCELLED'));
      assert.equal(await said(), 'failed CANCELLED\n');
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [], leftovers: 'none' });
    }));

  it('runs when the run takes longer than maxDuration', () =>
    withHungDump({ maxDuration: '1500ms' }, async ({ installation, fleet, worker, backupId, said }) => {
      await assert.rejects(fleet.outcome(backupId), (error) => hasCode(error, 'TIMEOUT'));
      assert.equal(await said(), 'failed TIMEOUT\n');
      assert.equal(await worker.stop(), 0);
      await assertInvariants(installation, { committed: [], leftovers: 'none' });
    }));

  it('runs when the worker is told to stop, which waits for it and hands the run back', () =>
    // It takes longer than it may.
    withHungDump({ after: 'sleep 1000' }, async ({ installation, fleet, worker, backupId, said }) => {
      const toldAt = performance.now();
      assert.equal(await worker.stop(), 0);
      const took = performance.now() - toldAt;
      assert.ok(took < drain + 25_000, `it took ${took} ms`);
      assert.equal(await said(), 'failed INTERRUPTED\n');
      assert.equal(await fleet.state(backupId), 'waiting');
      assert.equal((await fleet.job(backupId)).attemptsMade, 0);
      const lines = linesOf(worker, backupId);
      assert.match(
        lines.find(({ level }) => level === 'warn')?.error?.message ?? '',
        /the program "after" of files failed: it did not end within 10 s/,
      );
      assert.equal(lines.at(-1)?.message, 'handed back to the queue at shutdown');
      await assertInvariants(installation, { committed: [], leftovers: 'none' });
    }));
});

const drain = 500;

interface HungDump {
  installation: Installation;
  fleet: Fleet;
  worker: Running;
  backupId: string;
  /** What `after` was told, a line for each time. */
  said(): Promise<string>;
}

/** A worker in the middle of a dump that never ends; `after` goes on as it is told once it has written what it was told. */
async function withHungDump(
  { after = '', maxDuration = '1h' }: { after?: string; maxDuration?: string },
  use: (run: HungDump) => Promise<void>,
): Promise<void> {
  await withInstallation(async (installation) => {
    const [begun, told] = [join(installation.path, 'begun'), join(installation.path, 'told')];
    const read = (file: string) => readFile(file, 'utf8').catch(() => '');
    await installation.configure({
      databases: {
        files: {
          engine: 'command',
          dump: ['sh', '-c', `echo begun | tee ${begun}; exec sleep 1000`],
          after: ['sh', '-c', `echo $BACKUPDATA_OUTCOME $BACKUPDATA_ERROR_CODE >> ${told}; ${after}`],
          maxDuration,
        },
      },
      queue: { ...quickQueue, attempts: 1 },
      timeouts: { drain },
    });
    await withFleet(installation, async (fleet) => {
      const worker = await installation.start(['worker']);
      const backupId = await fleet.backup('files');
      await until('the dump has begun', async () => (await read(begun)) !== '');
      await use({ installation, fleet, worker, backupId, said: () => read(told) });
    });
  });
}
