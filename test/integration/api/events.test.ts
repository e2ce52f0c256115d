import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type JobUpdate, updateSchema } from '../../../src/producer/operations/documents.ts';
import { type Api, withApi } from '../../support/api.ts';
import { addBulk } from '../../support/bulk-database.ts';
import { hangMidway } from '../../support/hung-dump.ts';
import { freePort } from '../../support/ports.ts';

/** While a backup of `shop` hangs in the middle of its dump, until `wake`. */
async function withHungBackup(
  use: (api: Api, backup: { jobId: string; wake: () => void }) => Promise<void>,
): Promise<void> {
  await withApi(async (api) => {
    const { installation, ask } = api;
    const url = await urlOfShop(api);
    await addBulk(url, 32);
    const enqueued = await ask('operator', 'POST', '/backups', { body: { database: 'shop' } });
    const { jobId } = enqueued.json<{ jobId: string }>();
    const source = new URL(url).pathname.slice(1);
    const wake = await hangMidway(installation, { backupId: jobId, source });
    try {
      await use(api, { jobId, wake });
    } finally {
      wake();
    }
  });
}

async function urlOfShop({ installation }: Api): Promise<string> {
  const { databases } = JSON.parse(await readFile(join(installation.path, 'backupdata.yaml'), 'utf8'));
  return databases.shop.url;
}

/** Updates as they come, until the answer ends or is left. */
async function* follow(
  { http, tokens }: Pick<Api, 'http' | 'tokens'>,
  jobId: string,
): AsyncGenerator<JobUpdate> {
  const answer = await fetch(`${http}/api/v1/jobs/${jobId}/events`, {
    headers: { authorization: `Bearer ${tokens.viewer}` },
  });
  assert.equal(answer.status, 200);
  let text = '';
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const events = (text + chunk).split('\n\n');
    text = events.pop() ?? '';
    for (const event of events.filter((each) => !each.startsWith(':')))
      yield updateSchema.parse(JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? ''));
  }
}

describe('the events of a backup', () => {
  it('tell its progress while it runs, to any number of clients, and how it ended', () =>
    withHungBackup(async (api, { jobId, wake }) => {
      const states: string[] = [];
      const [other] = await Promise.all([
        Array.fromAsync(follow(api, jobId)),
        (async () => {
          for await (const { state, progress } of follow(api, jobId)) {
            states.push(state);
            if ((progress?.bytes ?? 0) > 0) wake();
          }
        })(),
      ]);
      assert.ok(
        states.length > 1 && states.slice(0, -1).every((state) => state === 'active'),
        String(states),
      );
      for (const last of [states.at(-1), other.at(-1)?.state]) assert.equal(last, 'completed');
      const { result } = other.at(-1) ?? {};
      assert.ok(result && 'bytes' in result && result.bytes > 8 * 1_048_576, JSON.stringify(result));
    }));

  it('can be left, and the backup goes on', () =>
    withHungBackup(async (api, { jobId, wake }) => {
      for await (const { state } of follow(api, jobId)) {
        assert.equal(state, 'active');
        break;
      }
      wake();
      const updates = await Array.fromAsync(follow(api, jobId));
      assert.equal(updates.at(-1)?.state, 'completed');
      assert.doesNotMatch(api.up.log(), /a request failed/);
    }));

  it('do not keep a producer from stopping, and are told by another one to the end', () =>
    withHungBackup(async (api, { jobId, wake }) => {
      const port = await freePort();
      const serve = await api.installation.start(['serve'], { env: { PORT: String(port) } });
      const updates = follow({ ...api, http: `http://127.0.0.1:${port}` }, jobId);
      const { value } = await updates.next();
      assert.equal(value?.state, 'active');
      const [code] = await Promise.all([
        serve.stop(),
        assert.rejects(Array.fromAsync(updates), /terminated/),
      ]);
      assert.equal(code, 0);
      wake();
      const others = await Array.fromAsync(follow(api, jobId));
      assert.equal(others.at(-1)?.state, 'completed');
    }));
});
