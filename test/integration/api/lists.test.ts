import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openStorage } from '../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { type Api, withApi } from '../../support/api.ts';
import { storeManifest } from '../../support/catalog-objects.ts';
import { until } from '../../support/until.ts';

interface Page {
  backups: { backupId: string; storage: string; database: string }[];
  next: string | null;
}

const idOf = (database: string, day: number): string =>
  `${database}-202601${String(day).padStart(2, '0')}T030405Z-abc234`;

/** Nine backups of two databases, newest first, two of them of the same second and one of them twice. */
async function storeSome({ installation }: Api): Promise<Storage> {
  const open = (name: string, path: string): Promise<Storage> =>
    openStorage({ name, config: { type: 'local', path, shared: false } });
  const main = await open('main', installation.backups);
  const offsite = await open('offsite', `${installation.path}/offsite`);
  for (const day of [1, 2, 3, 4, 5])
    await storeManifest(main, { backupId: idOf('shop', day), database: 'shop' });
  for (const day of [3, 6, 7]) await storeManifest(main, { backupId: idOf('crm', day), database: 'crm' });
  await storeManifest(offsite, { backupId: idOf('shop', 2), database: 'shop' });
  return main;
}

async function pagesOf({ ask }: Api, query: string, between?: () => Promise<void>): Promise<Page[]> {
  const pages: Page[] = [];
  for (let after = ''; ; ) {
    const page = (await ask('viewer', 'GET', `/backups?${query}${after}`)).json<Page>();
    pages.push(page);
    if (page.next === null) return pages;
    after = `&after=${page.next}`;
    await between?.();
  }
}

describe('a list of the API', () => {
  it('is the same in pages as whole, newest first', () =>
    withApi(async (api) => {
      await storeSome(api);
      const [whole] = await pagesOf(api, '');
      const pages = await pagesOf(api, 'limit=2');
      assert.deepEqual(
        pages.map(({ backups }) => backups.length),
        [2, 2, 2, 2, 1],
      );
      assert.deepEqual(
        pages.flatMap(({ backups }) => backups),
        whole?.backups,
      );
      assert.equal(whole?.backups.length, 9);
    }));

  it('neither repeats nor hides a backup where others come and go between its pages', () =>
    withApi(async (api) => {
      const storage = await storeSome(api);
      let day = 20;
      const pages = await pagesOf(api, 'limit=2&database=shop', async () => {
        day += 1;
        await storeManifest(storage, { backupId: idOf('shop', day), database: 'shop' });
        await storage.remove([`shop/catalog/${idOf('shop', 4)}.json`], new AbortController().signal);
      });
      const ids = pages.flatMap(({ backups }) => backups.map((each) => `${each.backupId} ${each.storage}`));
      assert.deepEqual(
        ids.filter((id) => !id.startsWith(idOf('shop', 4))),
        [
          `${idOf('shop', 5)} main`,
          `${idOf('shop', 3)} main`,
          `${idOf('shop', 2)} main`,
          `${idOf('shop', 2)} offsite`,
          `${idOf('shop', 1)} main`,
        ],
      );
    }));

  it('links to the page that follows, and takes a filter', () =>
    withApi(async (api) => {
      const { ask, http } = api;
      await storeSome(api);
      const first = await ask('viewer', 'GET', '/backups?database=crm&limit=2');
      const link = /^<(\/[^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
      const authorization = `Bearer ${api.tokens.viewer}`;
      const following = await fetch(`${http}${link}`, { headers: { authorization } });
      const second = (await following.json()) as Page;
      assert.deepEqual(
        [...first.json<Page>().backups, ...second.backups].map(({ backupId }) => backupId),
        [idOf('crm', 7), idOf('crm', 6), idOf('crm', 3)],
      );
      assert.equal(second.next, null);
      const offsite = await ask('viewer', 'GET', '/backups?storage=offsite');
      assert.deepEqual(
        offsite.json<Page>().backups.map(({ backupId }) => backupId),
        [idOf('shop', 2)],
      );
      for (const after of ['nonsense', 'bm9uc2Vuc2U', '', '%00']) {
        const refused = await ask('viewer', 'GET', `/backups?after=${after}`);
        assert.deepEqual([refused.status, refused.problem().code], [400, 'USAGE'], after);
      }
    }));

  it('holds only what a limited token may see, in every page, and does not tell of the rest', () =>
    withApi(async (api) => {
      const { ask } = api;
      await storeSome(api);
      const page = (await ask('limited', 'GET', '/backups?limit=3')).json<Page>();
      assert.deepEqual([...new Set(page.backups.map(({ database }) => database))], ['shop']);
      assert.equal(page.backups.length, 3);
      for (const [path, code] of [
        ['/backups?database=crm', 'DATABASE_UNKNOWN'],
        [`/backups/${idOf('crm', 7)}`, 'BACKUP_NOT_FOUND'],
        ['/backups/crm', 'BACKUP_NOT_FOUND'],
        ['/databases?names=crm', 'DATABASE_UNKNOWN'],
        ['/schedules?names=crm', 'DATABASE_UNKNOWN'],
        ['/prunes?database=crm', 'DATABASE_UNKNOWN'],
      ] as const) {
        const hidden = await ask('limited', 'GET', path);
        const missing = await ask('limited', 'GET', path.replace('crm', 'nil'));
        assert.deepEqual([hidden.status, hidden.problem().code], [404, code], path);
        assert.equal(hidden.text, missing.text.replaceAll('nil', 'crm'), 'as if it was not there');
      }
      const databases = await ask('limited', 'GET', '/databases');
      assert.doesNotMatch(databases.text, /crm/);
      const unknown = await ask('limited', 'GET', '/backups?database=zzz');
      assert.doesNotMatch(unknown.text, /crm/, 'no suggestion of what it may not see');
    }));

  it('of databases or of schedules is that of the configuration, in pages too', () =>
    withApi(async ({ ask }) => {
      for (const [path, key] of [
        ['/databases', 'databases'],
        ['/schedules', 'schedules'],
      ] as const) {
        const read = async (query: string): Promise<{ names: string[]; next: string | null }> => {
          const answer = await ask('viewer', 'GET', `${path}?${query}`);
          const page = answer.json<Record<string, { name: string }[]> & { next: string | null }>();
          return { names: (page[key] ?? []).map(({ name }) => name), next: page.next };
        };
        assert.deepEqual(await read(''), { names: ['shop', 'crm'], next: null });
        const first = await read('limit=1');
        assert.deepEqual(first.names, ['shop']);
        assert.deepEqual(await read(`limit=1&after=${first.next}`), { names: ['crm'], next: null });
        assert.deepEqual((await read('names=crm')).names, ['crm']);
        assert.equal((await ask('viewer', 'GET', `${path}?after=bm9uc2Vuc2U`)).status, 400);
      }
    }));

  it('of jobs is the same in pages as whole, and takes a state', () =>
    withApi(async (api) => {
      const { ask } = api;
      await storeSome(api);
      for (const day of [1, 2, 3, 4, 5])
        await ask('operator', 'POST', '/verifications', { body: { backup: idOf('shop', day) } });
      interface Jobs {
        jobs: { id: string; state: string; database: string }[];
        next: string | null;
      }
      const list = async (query: string): Promise<Jobs> =>
        (await ask('viewer', 'GET', `/jobs?${query}`)).json<Jobs>();
      await until('all have failed', async () => (await list('state=failed')).jobs.length === 5);
      const whole = (await list('state=failed')).jobs.map(({ id }) => id);
      const paged: string[] = [];
      for (let after: string | null = ''; after !== null; ) {
        const page: Jobs = await list(`state=failed&limit=2${after && `&after=${after}`}`);
        paged.push(...page.jobs.map(({ id }) => id));
        after = page.next;
      }
      assert.deepEqual(paged, whole);
      assert.equal((await list('state=active')).jobs.length, 0);
      assert.equal((await list('database=crm&state=failed')).jobs.length, 0);
    }));
});
