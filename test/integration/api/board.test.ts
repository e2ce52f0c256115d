import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createBullBoard } from '@bull-board/api';
import { ExpressAdapter } from '@bull-board/express';
import { type Answered, type Api, send, type Who, withApi } from '../../support/api.ts';
import { until } from '../../support/until.ts';

/** Everything that Bull Board's own router would take that is no question: METHOD and path. */
function changingRoutes(): (readonly [string, string])[] {
  const found: [string, string][] = [];
  const adapter = new ExpressAdapter();
  const collect = adapter.setApiRoutes.bind(adapter);
  adapter.setApiRoutes = (routes) => {
    for (const { method, route } of routes)
      for (const verb of [method].flat())
        for (const path of [route].flat()) if (verb !== 'get') found.push([verb.toUpperCase(), path]);
    return collect(routes);
  };
  createBullBoard({ queues: [], serverAdapter: adapter });
  return found;
}

async function failedRun({ ask }: Api): Promise<string> {
  const { jobId } = (await ask('operator', 'POST', '/backups', { body: { database: 'gone' } })).json<{
    jobId: string;
  }>();
  await until('the run has failed', async () =>
    (await ask('viewer', 'GET', `/jobs/${jobId}`)).text.includes('"state":"failed"'),
  );
  return jobId;
}

function withFailedRun(use: (api: Api, jobId: string) => Promise<void>): Promise<void> {
  return withApi(async (api) => use(api, await failedRun(api)), {
    databases: async ({ postgres }) => ({
      gone: { engine: 'postgres', url: postgres.url('there_is_none'), storage: 'main' },
    }),
  });
}

function onBoard({ http, tokens }: Api, who: Who, method: string, path: string): Promise<Answered> {
  return send(`${http}/queues${path}`, {
    method,
    token: tokens[who],
    body: method === 'GET' ? undefined : {},
  });
}

async function everyJob({ ask }: Api): Promise<unknown> {
  const { jobs } = (await ask('admin', 'GET', '/jobs')).json<{ jobs: { id: string; state: string }[] }>();
  return jobs.map(({ id, state }) => `${id} ${state}`);
}

describe('Bull Board', () => {
  it('changes nothing by any of its own ways, whoever asks', () =>
    withFailedRun(async (api, jobId) => {
      const before = await everyJob(api);
      const routes = changingRoutes();
      assert.ok(routes.length > 15, 'they were found');
      const own = ['/api/queues/:queueName/:jobId/retry', '/api/queues/:queueName/:jobId/clean'];
      for (const who of ['viewer', 'operator', 'admin', 'limited'] as const)
        for (const [method, route] of routes) {
          if (own.includes(route) && who === 'admin') continue;
          if (own.includes(route) && route.endsWith('clean') && who === 'operator') continue;
          const path = route
            .replace(':queueName', 'backups')
            .replace(':jobId', jobId)
            .replace(/:\w+/g, 'failed');
          const answer = await onBoard(api, who, method, path);
          assert.deepEqual(
            [answer.status, answer.problem().code],
            [403, 'FORBIDDEN'],
            `${who} ${method} ${path}`,
          );
        }
      assert.deepEqual(await everyJob(api), before);
      const { entries } = (await api.ask('admin', 'GET', '/audit?limit=1000')).json<{
        entries: { what: string; who: string; outcome: string }[];
      }>();
      const refused = entries.filter(({ outcome }) => outcome === 'refused');
      assert.ok(refused.some(({ what, who }) => what === 'board' && who === 'admin'));
      assert.ok(refused.some(({ what, who }) => what === 'retryJob' && who === 'viewer'));
    }));

  it('runs a job again as a new one, for an admin, and never a restore', () =>
    withFailedRun(async (api, jobId) => {
      const retried = await onBoard(api, 'admin', 'PUT', `/api/queues/backups/${jobId}/retry`);
      assert.equal(retried.status, 200);
      const ids = JSON.stringify(await everyJob(api));
      assert.ok(ids.includes(`${jobId} failed`), 'the old one stays as it is');
      const missing = await onBoard(api, 'admin', 'PUT', '/api/queues/backups/nothing/retry');
      assert.deepEqual([missing.status, missing.problem().code], [404, 'JOB_NOT_FOUND']);
      const backup = await api.installation.run('backup', 'shop');
      assert.equal(backup.code, 0, backup.stderr);
      const restore = await api.ask('admin', 'POST', '/restores', {
        body: { backup: 'shop', database: 'shop', targetDatabase: 'twice', create: true },
      });
      const { jobId: restoreId } = restore.json<{ jobId: string }>();
      const again = await onBoard(api, 'admin', 'PUT', `/api/queues/restores/${restoreId}/retry`);
      assert.deepEqual([again.status, again.problem().code], [409, 'RETRY_REFUSED']);
    }));

  it('is shown to whoever may see everything, and tells who may change nothing', () =>
    withFailedRun(async (api) => {
      for (const who of ['viewer', 'operator'] as const) {
        const { text } = await onBoard(api, who, 'GET', '/api/queues');
        assert.match(text, /"readOnlyMode":true/);
        assert.doesNotMatch(text, /"readOnlyMode":false/);
      }
      const names = (await onBoard(api, 'admin', 'GET', '/api/queues')).json<{
        queues: { name: string }[];
      }>();
      assert.deepEqual(names.queues.map(({ name }) => name).toSorted(), [
        'backups',
        'maintenance',
        'notifications',
        'restores',
        'schedules',
      ]);
      const limited = await onBoard(api, 'limited', 'GET', '/api/queues');
      assert.deepEqual([limited.status, limited.problem().code], [403, 'FORBIDDEN']);
    }));

  it('tells what went wrong as the API does, and its page why something is refused', () =>
    withApi(async (api) => {
      const unreadable = [
        '/api/queues?activeQueue=%25',
        '/api/queues/backups/%ff',
        '/api/queues?activeQueue=backups&jobsPerPage=101',
        '/api/queues?activeQueue=backups&jobsPerPage=5&jobsPerPage=1000000',
        '/api/queues?activeQueue=backups&jobsPerPage=many',
      ];
      for (const path of unreadable) {
        const answer = await onBoard(api, 'viewer', 'GET', path);
        assert.deepEqual([answer.status, answer.problem().code], [400, 'USAGE'], path);
        assert.equal(answer.headers.get('x-powered-by'), null);
      }
      const refused = await onBoard(api, 'admin', 'PUT', '/api/queues/backups/obliterate');
      const { error, message } = refused.json<{ error: string; message: string }>();
      assert.equal(error, 'The queues are changed by the product alone.');
      assert.match(message, /^One job may be run again or cancelled/);
    }));

  it('has pages that ask no other server for anything', () =>
    withApi(async (api) => {
      const page = await onBoard(api, 'viewer', 'GET', '/');
      assert.equal(page.status, 200);
      const policy = page.headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'/);
      assert.doesNotMatch(policy, /https?:|script-src[^;]*unsafe/);
      assert.doesNotMatch(page.text, /<(link|script|img)[^>]*(href|src)="(https?:)?\/\//);
    }));
});
