import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRest } from '../../../src/producer/api/rest/rest.ts';
import { type Answered, type Api, send, type Who, withApi } from '../../support/api.ts';
import {
  type ApiDocument,
  type DocumentedOperation,
  deviations,
  operationsOf,
  readDocument,
} from '../../support/api-document.ts';
import { until } from '../../support/until.ts';

/** Asks for operations by their ids, and checks each answer against the document. */
interface Driver {
  document: ApiDocument;
  driven: Set<string>;
  /** Fills the path; whatever else is given is in the query or the body. */
  drive(
    id: string,
    options?: { who?: Who; path?: Record<string, string>; query?: string; body?: unknown; status?: number },
  ): Promise<Answered>;
}

async function driverOf({ ask, http, tokens }: Api): Promise<Driver> {
  const document = readDocument(await ask('viewer', 'GET', '/openapi.json'));
  const operations = operationsOf(document);
  const driven = new Set<string>();
  return {
    document,
    driven,
    drive: async (id, { who = 'admin', path = {}, query = '', body, status } = {}) => {
      const operation = operations.find((each) => each.id === id);
      assert.ok(operation, `${id} is not in the document`);
      const url = `${http}/api/v1${filled(operation, path)}${query}`;
      const answer = await send(url, { method: operation.method, token: tokens[who], body });
      assert.deepEqual(deviations(document, operation, answer), []);
      assert.equal(answer.status, status ?? successOf(operation), answer.text);
      driven.add(id);
      return answer;
    },
  };
}

function filled({ path }: DocumentedOperation, values: Record<string, string>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(values[name] ?? ''));
}

function successOf({ responses }: DocumentedOperation): number {
  return Number(Object.keys(responses).find((status) => status.startsWith('2')));
}

describe('the REST API', () => {
  it('does all that its document says, and answers as that says', () =>
    withApi(async (api) => {
      const driver = await driverOf(api);
      await driveEverything(api, driver);
      const undriven = operationsOf(driver.document).filter(({ id }) => !driver.driven.has(id));
      assert.deepEqual(
        undriven.map(({ id }) => id),
        [],
        'operations that this test does not try',
      );
    }));

  it('has no route that its document lacks, and none too many', () =>
    withApi(async ({ ask }) => {
      const document = readDocument(await ask('viewer', 'GET', '/openapi.json'));
      const documented = operationsOf(document).map(({ method, path }) => `${method} ${path}`);
      assert.deepEqual(routesOf().toSorted(), documented.toSorted());
    }));
});

/** Of the router itself. */
function routesOf(): string[] {
  const nothing = {} as never;
  const { stack } = createRest({ access: nothing, redis: nothing, current: nothing, version: '0' });
  return stack.flatMap(({ route }) => {
    if (!route) return [];
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    return route.stack.map(({ method }) => `${method?.toUpperCase()} ${path}`);
  });
}

async function driveEverything(api: Api, driver: Driver): Promise<void> {
  const { drive } = driver;
  assert.deepEqual(Object.keys((await drive('me', { who: 'viewer' })).json()), ['name', 'role', 'databases']);
  await drive('openapi', { who: 'viewer' });
  await drive('listDatabases', { who: 'viewer', query: '?names=shop,crm' });
  const backup = await backUp(api, driver);
  await driveBackups(driver, backup);
  await driveSchedules(driver);
  await driveJobs(api, driver, backup);
  const { entries } = (await drive('audit', { query: '?limit=5' })).json<{ entries: { what: string }[] }>();
  assert.equal(entries.length, 5);
}

async function backUp({ ask }: Api, { drive }: Driver): Promise<string> {
  const enqueued = await drive('backup', { who: 'operator', body: { database: 'shop' } });
  const { jobId } = enqueued.json<{ jobId: string }>();
  assert.equal(enqueued.headers.get('location'), `/api/v1/jobs/${jobId}`);
  const events = await drive('followJob', { who: 'viewer', path: { jobId } });
  assert.match(events.text, /^id: end\nevent: completed\ndata: \{.*"backupId":"shop-/m);
  await until('it is verified', async () => {
    const { text } = await ask('viewer', 'GET', '/backups?database=shop');
    return text.includes('"decoded"');
  });
  return jobId;
}

async function driveBackups({ drive }: Driver, backup: string): Promise<void> {
  const { backups } = (await drive('listBackups', { who: 'viewer' })).json<{
    backups: { backupId: string }[];
  }>();
  assert.deepEqual(
    backups.map(({ backupId }) => backupId),
    [backup],
  );
  await drive('showBackup', { who: 'viewer', path: { backup } });
  await drive('showBackup', { who: 'viewer', path: { backup: 'shop' } });
  await drive('pinBackup', { who: 'operator', path: { backup } });
  const shown = await drive('showBackup', { path: { backup } });
  assert.equal(shown.json().pinned, true);
  await drive('unpinBackup', { path: { backup } });
  await drive('verify', { who: 'operator', body: { backup, level: 'checksum' } });
  await drive('copy', { who: 'operator', body: { backup, to: 'main' }, status: 400 });
  await drive('copy', { who: 'operator', body: { backup, to: 'offsite' } });
  await drive('restore', {
    body: { backup, database: 'shop', targetDatabase: 'copy_of_shop', create: true },
  });
  await drive('previewPrune', { who: 'viewer', query: '?database=shop&allSources=true' });
  await drive('prune', { body: { database: 'shop' } });
}

async function driveSchedules({ drive }: Driver): Promise<void> {
  await drive('pauseSchedule', { path: { name: 'crm' } });
  const { schedules } = (await drive('listSchedules', { who: 'viewer', query: '?names=crm' })).json<{
    schedules: { state: string; paused: { by: string } }[];
  }>();
  assert.deepEqual([schedules[0]?.state, schedules[0]?.paused.by], ['paused', 'admin']);
  const resumed = await drive('resumeSchedule', { path: { name: 'crm' } });
  assert.equal(resumed.json().wasPaused, true);
  await drive('runSchedule', { who: 'operator', path: { name: 'crm' } });
}

async function driveJobs({ ask }: Api, { drive }: Driver, backup: string): Promise<void> {
  const { jobs } = (await drive('listJobs', { who: 'viewer' })).json<{ jobs: { id: string }[] }>();
  assert.ok(jobs.some(({ id }) => id === backup));
  await drive('showJob', { who: 'viewer', path: { jobId: backup } });
  const retried = await drive('retryJob', { path: { jobId: backup } });
  const { jobId } = retried.json<{ jobId: string }>();
  assert.notEqual(jobId, backup);
  await until('the new run has ended', async () => {
    const { text } = await ask('viewer', 'GET', `/jobs/${jobId}`);
    return text.includes('"completed"');
  });
  const { problem } = await drive('cancelJob', { who: 'operator', path: { jobId }, status: 404 });
  assert.equal(problem().code, 'JOB_NOT_FOUND');
}
