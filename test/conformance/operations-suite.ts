import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Call, OperationName, Operations } from '../../src/producer/operations/contract.ts';
import type { JobUpdate } from '../../src/producer/operations/documents.ts';
import { outcomeOf } from '../../src/producer/operations/outcome.ts';
import { hasCode, toErrorDocument } from '../../src/shared/errors.ts';
import type { BackupResult, PruneResult } from '../../src/shared/queues/payloads.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { callOfTest } from '../support/operations.ts';
import { query } from '../support/postgres.ts';
import { until } from '../support/until.ts';

/** Who is asked, and the operations as they are done where they are done. */
export interface OperationsSubject {
  operations: Operations;
  reference: Operations;
}

/** What everybody who offers the operations must do. Mandatory for an implementation of Operations. */
export function operationsSuite(
  name: string,
  withSubject: (
    installation: Installation,
    use: (subject: OperationsSubject) => Promise<void>,
  ) => Promise<void>,
): void {
  /** An installation of its own with a database that has a table, one that is not there, and two storages. */
  const scene = (use: (scene: Scene) => Promise<void>): Promise<void> =>
    withInstallation(async (installation) => {
      const source = await createShop(installation);
      await withSubject(installation, (subject) => use({ installation, source, ...subject }));
    });

  describe(`the operations, ${name}`, () => {
    it('tell what the configuration has', () =>
      scene(async ({ operations, reference }) => {
        const { databases } = await operations.listDatabases({}, call);
        assert.deepEqual(
          databases.map((each) => [each.name, each.kind, each.schedule]),
          [
            ['shop', 'database', yearly],
            ['gone', 'database', null],
          ],
        );
        const [one, ...others] = (await operations.listDatabases({ names: ['gone'] }, call)).databases;
        assert.deepEqual([one, others], [databases[1], []]);
        assert.deepEqual(await reference.listDatabases({}, call), { databases, next: null });
      }));

    it('back up, tell the progress to the end, and show, prove, copy, restore and prune what was stored', () =>
      scene(async ({ installation, source, operations, reference }) => {
        await installation.start(['worker']);
        const first = await operations.backup({ database: 'shop' }, call);
        assert.deepEqual({ ...first, jobId: '' }, { jobId: '', as: 'new', database: 'shop', kind: 'backup' });
        const updates = await updatesOf(operations, first.jobId);
        const last = updates.at(-1);
        assert.equal(last?.state, 'completed');
        assert.deepEqual(
          updates.map(({ jobId, name: kind, error }) => [jobId, kind, error]),
          updates.map(() => [first.jobId, 'backup', null]),
        );
        assert.ok(last.result && 'attemptId' in last.result);
        const { backupId, bytes } = last.result;
        assert.equal(backupId, first.jobId);
        assert.deepEqual((await operations.showJob({ jobId: backupId }, call)).job.result, last.result);
        const second = await complete(
          operations,
          (await operations.backup({ database: 'shop' }, call)).jobId,
        );
        assert.notDeepEqual(second, last.result);
        await settled(operations);

        const whole = await operations.listBackups({ database: 'shop', storage: 'main' }, call);
        assert.equal(whole.next, null);
        assert.deepEqual(whole, await reference.listBackups({ database: 'shop', storage: 'main' }, call));
        const pages = await pagesOf(operations);
        assert.deepEqual(
          pages,
          whole.backups.map((each) => [each]),
        );
        assert.equal(whole.backups.find((each) => each.backupId === backupId)?.bytes, bytes);

        const verified = await operations.verify({ backup: backupId, level: 'decode' }, call);
        assert.equal(verified.backupId, backupId);
        await complete(operations, verified.jobId);
        const copied = await operations.copy({ backup: backupId, to: 'second' }, call);
        assert.equal(copied.as, 'new');
        await complete(operations, copied.jobId);
        await settled(operations);
        const pinned = await operations.pinBackup({ backup: backupId }, call);
        assert.deepEqual([pinned.pinned, pinned.changed, pinned.failures], [true, true, []]);
        const shown = await operations.showBackup({ backup: backupId }, call);
        assert.deepEqual(shown, await reference.showBackup({ backup: backupId }, call));
        assert.deepEqual([shown.manifest.bytes, shown.pinned, shown.storage], [bytes, true, 'main']);
        assert.ok(shown.verifications.some(({ level, outcome }) => level === 'decode' && outcome === 'ok'));
        assert.equal((await operations.unpinBackup({ backup: backupId }, call)).pinned, false);

        const targetDatabase = installation.postgres.uniqueName();
        const restored = await operations.restore(
          { ...restoreOptions, backup: backupId, database: 'shop', targetDatabase, create: true },
          call,
        );
        await complete(operations, restored.jobId);
        const rows = 'SELECT count(*)::int AS count FROM orders';
        assert.deepEqual(
          await query(installation.postgres.url(targetDatabase), rows),
          await query(installation.postgres.url(source), rows),
        );

        const prune = { database: 'shop', storage: 'main', allSources: false };
        const preview = await operations.previewPrune(prune, call);
        assert.deepEqual(preview, await reference.previewPrune(prune, call));
        assert.deepEqual(
          preview.databases[0]?.decisions.map((each) => [each.backupId, each.decision]).sort(),
          [
            [backupId, 'keep'],
            [(second as BackupResult).backupId, 'keep'],
          ].sort(),
        );
        const [pruning] = (await operations.prune(prune, call)).jobs;
        assert.equal(pruning?.database, 'shop');
        const { retired } = (await complete(operations, pruning.jobId)) as PruneResult;
        assert.deepEqual(retired, []);
      }));

    it('list, pause, resume and run schedules', () =>
      scene(async ({ operations, reference }) => {
        const { schedules } = await operations.listSchedules({}, call);
        assert.deepEqual(
          schedules.map((each) => [each.name, each.kind, each.expression, each.state, each.paused]),
          [['shop', 'backup', yearly, 'idle', null]],
        );
        assert.deepEqual(await reference.listSchedules({}, call), { schedules, next: null });
        assert.deepEqual(await operations.pauseSchedule({ name: 'shop' }, call), { name: 'shop' });
        const [paused] = (await operations.listSchedules({ names: ['shop'] }, call)).schedules;
        assert.deepEqual([paused?.state, paused?.next], ['paused', []]);
        assert.ok(paused?.paused?.by);
        assert.deepEqual(await operations.resumeSchedule({ name: 'shop' }, call), {
          name: 'shop',
          wasPaused: true,
        });
        const run = await operations.runSchedule({ name: 'shop' }, call);
        assert.deepEqual([run.as, run.database], ['new', 'shop']);
        assert.equal((await operations.showJob({ jobId: run.jobId }, call)).job.state, 'waiting');
      }));

    it('list, show and cancel jobs, and end who follows them', () =>
      scene(async ({ operations, reference }) => {
        const { jobId } = await operations.backup({ database: 'shop' }, call);
        assert.deepEqual(await operations.backup({ database: 'shop' }, call), {
          ...{ jobId, as: 'joined', database: 'shop', kind: 'backup' },
        });
        const listed = await operations.listJobs({ state: 'waiting', database: 'shop' }, call);
        assert.deepEqual(
          listed.jobs.map(({ id }) => id),
          [jobId],
        );
        assert.deepEqual(listed, await reference.listJobs({ state: 'waiting', database: 'shop' }, call));
        assert.deepEqual((await operations.showJob({ jobId }, call)).job, listed.jobs[0]);
        const states: JobUpdate[] = [];
        for await (const update of operations.follow({ jobId }, call)) {
          states.push(update);
          if (update.state === 'waiting')
            assert.deepEqual(await operations.cancelJob({ jobId }, call), { jobId, outcome: 'removed' });
        }
        const end = states.at(-1);
        assert.deepEqual([end?.state, end?.error?.code, end?.result], ['failed', 'CANCELLED', null]);
        assert.deepEqual((await operations.listJobs({ database: 'shop' }, call)).jobs, []);
      }));

    it('tell why a job failed, and retry it as a new one', () =>
      scene(async ({ installation, operations, reference }) => {
        await installation.start(['worker']);
        const { jobId } = await operations.backup({ database: 'gone' }, call);
        const failed = (await updatesOf(operations, jobId)).at(-1);
        assert.deepEqual([failed?.state, failed?.error?.code], ['failed', 'DATABASE_MISSING']);
        assert.deepEqual(failed?.error, (await updatesOf(reference, jobId)).at(-1)?.error);
        assert.deepEqual((await operations.showJob({ jobId }, call)).job.error, failed?.error);
        const retried = await operations.retryJob({ jobId }, call);
        assert.deepEqual([retried.as, retried.retryOf], ['new', jobId]);
        assert.notEqual(retried.jobId, jobId);
      }));

    it('leave a job alone when nobody follows it any more', () =>
      scene(async ({ operations }) => {
        const { jobId } = await operations.backup({ database: 'shop' }, call);
        for await (const update of operations.follow({ jobId }, call)) {
          assert.equal(update.state, 'waiting');
          break;
        }
        const stop = new AbortController();
        const reason = new Error('enough');
        const followed = (async () => {
          for await (const _ of operations.follow({ jobId }, callOfTest(stop.signal))) stop.abort(reason);
        })();
        await assert.rejects(followed, isAbort(reason));
        const listing = operations.listBackups({}, callOfTest(stop.signal));
        await assert.rejects(listing, isAbort(reason));
        assert.equal((await operations.showJob({ jobId }, call)).job.state, 'waiting');
      }));

    it('refuse what cannot be done, each with its own code, sentence and hint', () =>
      scene(async ({ operations, reference }) => {
        for (const [operation, request, code] of refusals) {
          const error = await refusalOf(operations, operation, request);
          assert.ok(hasCode(error, code), `${operation} of ${JSON.stringify(request)}: ${String(error)}`);
          const expected = await refusalOf(reference, operation, request);
          assert.deepEqual(toErrorDocument(error), toErrorDocument(expected));
        }
        const following = updatesOf(operations, 'shop-20260102T030405Z-abc234');
        const notThere = updatesOf(reference, 'shop-20260102T030405Z-abc234');
        const errors = await Promise.all([thrownBy(following), thrownBy(notThere)]);
        assert.deepEqual(toErrorDocument(errors[0]), toErrorDocument(errors[1]));
      }));
  });
}

interface Scene extends OperationsSubject {
  installation: Installation;
  /** The database on the server. */
  source: string;
}

const call: Call = callOfTest();

/** Once a year: nothing is due by itself while a test runs. */
const yearly = '30 2 1 1 *';

const restoreOptions = { create: false, tables: [], globals: false, noOwner: false, keepOld: false };

const refusals: [OperationName, object, Parameters<typeof hasCode>[1]][] = [
  ['listDatabases', { names: ['shpo'] }, 'DATABASE_UNKNOWN'],
  ['listBackups', { database: 'shpo' }, 'DATABASE_UNKNOWN'],
  ['listBackups', { storage: 'mian' }, 'STORAGE_UNKNOWN'],
  ['listJobs', { after: 'nothing' }, 'USAGE'],
  ['showBackup', { backup: 'shop' }, 'BACKUP_NOT_FOUND'],
  ['showBackup', { backup: 'shop-20260102T030405Z-abc234' }, 'BACKUP_NOT_FOUND'],
  ['pinBackup', { backup: 'shop-20260102T030405Z-abc234' }, 'BACKUP_NOT_FOUND'],
  ['unpinBackup', { backup: 'shop-20260102T030405Z-abc234' }, 'BACKUP_NOT_FOUND'],
  ['backup', { database: 'shpo' }, 'DATABASE_UNKNOWN'],
  ['restore', { ...restoreOptions, backup: 'shop', database: 'shpo' }, 'DATABASE_UNKNOWN'],
  ['restore', { ...restoreOptions, backup: 'shop', database: 'shop' }, 'BACKUP_NOT_FOUND'],
  ['verify', { backup: 'shop', level: 'decode', target: 'shop' }, 'USAGE'],
  ['verify', { backup: 'shop', level: 'decode' }, 'BACKUP_NOT_FOUND'],
  ['copy', { backup: 'shop', to: 'thrid' }, 'STORAGE_UNKNOWN'],
  ['previewPrune', { database: 'shpo', allSources: false }, 'DATABASE_UNKNOWN'],
  ['prune', { storage: 'mian', allSources: false }, 'STORAGE_UNKNOWN'],
  ['listSchedules', { names: ['gone'] }, 'SCHEDULE_NOT_FOUND'],
  ['runSchedule', { name: 'gone' }, 'SCHEDULE_NOT_FOUND'],
  ['pauseSchedule', { name: 'gone' }, 'SCHEDULE_NOT_FOUND'],
  ['resumeSchedule', { name: 'gone' }, 'SCHEDULE_NOT_FOUND'],
  ['showJob', { jobId: 'verify-nothing' }, 'JOB_NOT_FOUND'],
  ['cancelJob', { jobId: 'verify-nothing' }, 'JOB_NOT_FOUND'],
  ['retryJob', { jobId: 'verify-nothing' }, 'JOB_NOT_FOUND'],
];

async function createShop({ path, postgres, backups, configure }: Installation): Promise<string> {
  const source = await postgres.createDatabase();
  await query(
    postgres.url(source),
    'CREATE TABLE orders (id integer PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 1000)',
  );
  await configure({
    storages: {
      main: { type: 'local', path: backups },
      second: { type: 'local', path: join(path, 'second') },
    },
    defaults: { storage: 'main' },
    databases: {
      shop: { engine: 'postgres', url: postgres.url(source), schedule: yearly },
      gone: { engine: 'postgres', url: postgres.url('not_there_at_all') },
    },
  });
  return source;
}

async function updatesOf(operations: Operations, jobId: string): Promise<JobUpdate[]> {
  return Array.fromAsync(operations.follow({ jobId }, call));
}

function complete(operations: Operations, jobId: string): Promise<JobUpdate['result']> {
  return outcomeOf(operations, { jobId, call });
}

/** What follows a backup has ended: its verification, and what that is followed by. */
function settled(operations: Operations): Promise<void> {
  return until('no job is to be done', async () => {
    const { jobs } = await operations.listJobs({}, call);
    return jobs.every(({ state }) => state === 'completed' || state === 'failed');
  });
}

/** All backups of main, one by one. */
async function pagesOf(operations: Operations) {
  const pages = [];
  for (let after: string | undefined; ; ) {
    const request = { storage: 'main', limit: 1, ...(after === undefined ? {} : { after }) };
    const { backups, next } = await operations.listBackups(request, call);
    pages.push(backups);
    if (next === null) return pages;
    after = next;
  }
}

function refusalOf(operations: Operations, name: OperationName, request: object): Promise<unknown> {
  const run: (request: never, given: Call) => Promise<object> = operations[name];
  return thrownBy(run(request as never, call));
}

function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => assert.fail(`it was done: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}

/** Whether it ended for that reason, or for being aborted by it. */
function isAbort(reason: Error): (error: unknown) => boolean {
  return (error) => error === reason || (error instanceof Error && error.cause === reason);
}
