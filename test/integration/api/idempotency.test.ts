import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answered, type Api, withApi } from '../../support/api.ts';

const key = (value: string) => ({ 'idempotency-key': value });

function post({ ask }: Api, body: unknown, headers: Record<string, string>): Promise<Answered> {
  return ask('admin', 'POST', '/restores', { body, headers });
}

async function backedUp({ ask, installation }: Api): Promise<string> {
  const backup = await installation.run('backup', 'shop');
  assert.equal(backup.code, 0, backup.stderr);
  const [made] = (await ask('viewer', 'GET', '/backups')).json<{ backups: { backupId: string }[] }>().backups;
  return made?.backupId ?? '';
}

async function restoresOf({ ask }: Api): Promise<number> {
  const { jobs } = (await ask('viewer', 'GET', '/jobs')).json<{ jobs: { name: string }[] }>();
  return jobs.filter(({ name }) => name === 'restore').length;
}

describe('an Idempotency-Key', () => {
  it('makes one job of many equal requests at once, and gives all the same answer', () =>
    withApi(async (api) => {
      const backup = await backedUp(api);
      const body = { backup, database: 'shop', targetDatabase: 'once', create: true };
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(api, body, key('k-1'))));
      const done = answers.filter(({ status }) => status === 202);
      assert.equal(new Set(done.map(({ text }) => text)).size, 1);
      for (const answer of answers.filter((each) => !done.includes(each))) {
        assert.deepEqual([answer.status, answer.problem().code], [409, 'REQUEST_CONFLICT']);
        assert.equal(answer.headers.get('retry-after'), '1');
      }
      const again = await post(api, body, key('k-1'));
      assert.equal(again.headers.get('idempotency-replayed'), 'true');
      assert.equal(again.text, done[0]?.text);
      assert.equal(again.headers.get('location'), done[0]?.headers.get('location'));
      assert.equal(await restoresOf(api), 1);
      const other = await post(api, body, key('k-2'));
      assert.notEqual(other.text, again.text);
      assert.equal(await restoresOf(api), 2);
    }));

  it('is refused with another body, and is another for another token', () =>
    withApi(async (api) => {
      const { ask } = api;
      const first = await ask('admin', 'POST', '/backups', { body: { database: 'shop' }, headers: key('k') });
      assert.equal(first.status, 202);
      const changed = await ask('admin', 'POST', '/backups', {
        body: { database: 'crm' },
        headers: key('k'),
      });
      assert.deepEqual([changed.status, changed.problem().code], [409, 'REQUEST_CONFLICT']);
      const other = await ask('operator', 'POST', '/backups', {
        body: { database: 'crm' },
        headers: key('k'),
      });
      assert.equal(other.status, 202);
    }));

  it('is free again after a failure, which is not kept', () =>
    withApi(async (api) => {
      const { ask } = api;
      const request = { body: { backup: 'shop' }, headers: key('k') };
      const missing = await ask('operator', 'POST', '/verifications', request);
      assert.equal(missing.problem().code, 'BACKUP_NOT_FOUND');
      await backedUp(api);
      assert.equal((await ask('operator', 'POST', '/verifications', request)).status, 202);
    }));

  it('is 1 to 128 visible characters', () =>
    withApi(async ({ ask }) => {
      const body = { database: 'shop' };
      for (const bad of ['', ' ', 'two words', 'x'.repeat(129), Buffer.from('ä').toString('latin1')]) {
        const answer = await ask('operator', 'POST', '/backups', { body, headers: key(bad) });
        assert.deepEqual([answer.status, answer.problem().code], [400, 'USAGE'], bad);
      }
    }));
});
