import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Api, type Who, withApi } from '../../support/api.ts';
import { type Visit, withBrowser } from '../../support/browser.ts';
import { until } from '../../support/until.ts';

/** A run that has ended, one that has failed for good, and one that goes on for as long as nobody ends it. */
interface Runs {
  finished: string;
  failed: string;
  running: string;
}

async function someRuns({ ask }: Api): Promise<Runs> {
  const start = async (database: string, state: string): Promise<string> => {
    const asked = await ask('operator', 'POST', '/backups', { body: { database } });
    const { jobId } = asked.json<{ jobId: string }>();
    await until(`${jobId} is ${state}`, async () =>
      (await ask('viewer', 'GET', `/jobs/${jobId}`)).text.includes(`"state":"${state}"`),
    );
    return jobId;
  };
  return {
    finished: await start('shop', 'completed'),
    failed: await start('gone', 'failed'),
    running: await start('slow', 'active'),
  };
}

function withRuns(
  use: (bench: { api: Api; runs: Runs; visit: () => Promise<Visit> }) => Promise<void>,
): Promise<void> {
  return withApi(
    async (api) => {
      const runs = await someRuns(api);
      await withBrowser((visit) => use({ api, runs, visit }));
    },
    {
      databases: async ({ postgres }) => ({
        gone: { engine: 'postgres', url: postgres.url('there_is_none'), storage: 'main' },
        slow: {
          engine: 'postgres',
          url: postgres.url('postgres'),
          storage: 'main',
          before: ['sleep', '600'],
        },
      }),
    },
  );
}

/** Asks for the queues, is shown where to sign in, and comes back to them. */
async function signIn({ page }: Visit, { http, tokens }: Api, who: Who): Promise<void> {
  await page.goto(`${http}/queues`);
  assert.equal(new URL(page.url()).pathname, '/sign-in');
  await page.getByLabel('Token').fill(tokens[who]);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('restores').first().waitFor();
}

async function jobIdsOf({ ask }: Api): Promise<string[]> {
  const { jobs } = (await ask('admin', 'GET', '/jobs')).json<{ jobs: { id: string }[] }>();
  return jobs.map(({ id }) => id);
}

describe('a browser', () => {
  it('signs in, and sees a running and a finished job', () =>
    withRuns(async ({ api, runs, visit }) => {
      const seen = await visit();
      const { page, keep } = seen;
      await page.goto(`${api.http}/`);
      await keep('sign-in');
      await signIn(seen, api, 'viewer');
      await page.getByText('Loading').waitFor({ state: 'hidden' });
      await keep('queues');
      for (const [state, id] of [
        ['active', runs.running],
        ['completed', runs.finished],
        ['failed', runs.failed],
      ] as const) {
        await page.goto(`${api.http}/queues/queue/backups?status=${state}`);
        await page.getByText(id).first().waitFor();
        await keep(`queue-${state}`);
      }
      await page.goto(`${api.http}/`);
      await page.getByText('viewer').first().waitFor();
      await keep('start');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${api.http}/sign-in`);
      await page.goto(`${api.http}/queues`);
      assert.equal(new URL(page.url()).pathname, '/sign-in', 'the session is over');
      assert.deepEqual(seen.complaints, []);
    }));

  it('is told why a token is not taken, and has no session', () =>
    withRuns(async ({ api, visit }) => {
      const { page, keep } = await visit();
      await page.goto(`${api.http}/sign-in`);
      await page.getByLabel('Token').fill(`${api.tokens.viewer}x`);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').waitFor();
      await keep('sign-in-refused');
      assert.match(
        (await page.getByRole('alert').textContent()) ?? '',
        /^The token is not one of this installation\.$/,
      );
      assert.deepEqual(await page.context().cookies(), []);
    }));

  it('cannot run a job again as viewer, whatever its page asks for', () =>
    withRuns(async ({ api, runs, visit }) => {
      const seen = await visit();
      const { page, keep } = seen;
      await signIn(seen, api, 'viewer');
      const before = await jobIdsOf(api);
      await page.goto(`${api.http}/queues/queue/backups/${runs.failed}`);
      await page.getByText(runs.failed).first().waitFor();
      await keep('job-viewer');
      assert.equal(await page.locator('[class^="jobActions"] button').count(), 0);
      const status = await page.evaluate(
        (url) => fetch(url, { method: 'PUT' }).then((answer) => answer.status),
        `/queues/api/queues/backups/${runs.failed}/retry`,
      );
      assert.equal(status, 403);
      assert.deepEqual(await jobIdsOf(api), before);
    }));

  it('runs a job again as admin, by the link with the token, which its address then holds no more', () =>
    withRuns(async ({ api, runs, visit }) => {
      const { page, keep, complaints } = await visit();
      await page.goto(`${api.http}/sign-in?next=/queues/queue/backups/${runs.failed}#${api.tokens.admin}`);
      await page.getByText(runs.failed).first().waitFor();
      assert.doesNotMatch(page.url(), /bkd_/);
      const before = await jobIdsOf(api);
      await page.locator('[class^="jobActions"] button').first().click();
      await page.getByRole('button', { name: 'Confirm' }).click();
      await until('there is a new run', async () => (await jobIdsOf(api)).length > before.length);
      const made = (await jobIdsOf(api)).filter((id) => !before.includes(id));
      assert.match(made[0] ?? '', /^gone-\d{8}T\d{6}Z-/);
      await page.goto(`${api.http}/queues/queue/backups?status=failed`);
      await page
        .getByText(made[0] ?? '')
        .first()
        .waitFor();
      await page.getByText(runs.failed).first().waitFor();
      await keep('job-retried');
      const audit = (await api.ask('admin', 'GET', '/audit?limit=20')).json<{
        entries: Record<string, unknown>[];
      }>();
      const { at: _at, from: _from, ...entry } = audit.entries.find(({ what }) => what === 'retryJob') ?? {};
      assert.deepEqual(entry, {
        who: 'admin',
        role: 'admin',
        what: 'retryJob',
        about: { jobId: made[0], retryOf: runs.failed },
        face: 'board',
        outcome: 'done',
        code: null,
      });
      assert.deepEqual(complaints, []);
    }));

  it('tells an admin why the queues cannot be changed by hand', () =>
    withRuns(async ({ api, runs, visit }) => {
      const seen = await visit();
      const { page, keep } = seen;
      await signIn(seen, api, 'admin');
      const before = await jobIdsOf(api);
      await page.goto(`${api.http}/queues/queue/backups?status=failed`);
      await page.getByRole('button', { name: 'Clean all' }).click();
      await page.getByRole('button', { name: 'Confirm' }).click();
      await page.getByText('The queues are changed by the product alone.').waitFor();
      await page.getByText('Are you sure?').waitFor({ state: 'hidden' });
      await keep('queue-refused');
      await page.getByText(runs.failed).first().waitFor();
      assert.deepEqual(await jobIdsOf(api), before);
    }));

  it('shows a page, not a document, to who may not see the queues or asks for nothing there is', () =>
    withApi(async (api) => {
      await withBrowser(async (visit) => {
        const { page, keep } = await visit();
        await page.goto(`${api.http}/sign-in?next=/queues#${api.tokens.limited}`);
        await page.getByRole('heading', { name: 'Not allowed' }).waitFor();
        await keep('queues-limited');
        await page.getByRole('link', { name: 'Start page' }).click();
        await page.getByText('for shop').waitFor();
        const missing = await page.goto(`${api.http}/nothing/<b>here`);
        assert.equal(missing?.status(), 404);
        await page.getByRole('heading', { name: 'Not found' }).waitFor();
        assert.equal(await page.locator('b').count(), 0);
        await keep('not-found');
      });
    }));

  it('signs in without scripts, on a small dark screen', () =>
    withApi(async (api) => {
      await withBrowser(async (visit) => {
        const { page, complaints, keep } = await visit({
          javaScriptEnabled: false,
          colorScheme: 'dark',
          viewport: { width: 360, height: 640 },
        });
        await page.goto(`${api.http}/`);
        await keep('sign-in-small');
        await page.getByLabel('Token').fill(api.tokens.operator);
        await page.getByLabel('Token').press('Enter');
        await page.getByText('Signed in as').waitFor();
        await keep('start-small');
        const [wide, seen] = await Promise.all([
          page.locator('body').evaluate((body) => body.scrollWidth),
          page.viewportSize()?.width,
        ]);
        assert.equal(wide, seen, 'nothing is cut off');
        assert.deepEqual(complaints, []);
      });
    }));
});
