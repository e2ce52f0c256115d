import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertComplaint, assertJsonComplaint } from '../../../../support/complaint.ts';
import { withFolder } from '../../../../support/folder.ts';
import { startHttpSink } from '../../../../support/http-sink.ts';
import { runInProcess } from '../../../../support/in-process.ts';

const secret = 'T0AAAA-B0BBBB-c0cccccc';

describe('notify test', () => {
  it('sends a test without Redis, and says where to without the secret', () =>
    withBench(async ({ run, sink }) => {
      const { code, stdout, stderr } = await run('ops');
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(stdout, 'a test was sent to ops (slack at 127.0.0.1)\n');
      assert.match(sink.received[0]?.body ?? '', /Test of a notifier of BackUpData/);
      const json = (await run('hook', '--json')).json<Record<string, string>>();
      assert.deepEqual(
        { ...json, event: '' },
        { notifier: 'hook', type: 'webhook', host: '127.0.0.1', event: '' },
      );
      const event = JSON.parse(sink.received[1]?.body ?? '');
      assert.deepEqual([event.id, event.kind, event.database], [json.event, 'test', 'crm']);
    }));

  it('says what was wrong, without the secret', () =>
    withBench(async ({ run, sink }) => {
      sink.answer(500);
      const failed = await run('ops');
      assertComplaint(failed, {
        code: 'NOTIFICATION_FAILED',
        message: /ops \(slack at 127\.0\.0\.1\) answered with/,
      });
      sink.answer(404);
      const refused = await run('hook', '--json');
      assertJsonComplaint(refused, { code: 'NOTIFICATION_REFUSED', message: /refused it with status 404/ });
      const own = await run('own');
      assertComplaint(own, {
        code: 'NOTIFICATION_REFUSED',
        message: /own \(webhook at 127\.0\.0\.1\) was not told/,
      });
      for (const { stdout, stderr } of [failed, refused, own])
        assert.ok(!`${stdout}${stderr}`.includes(secret));
    }));

  it('knows the notifiers that there are', () =>
    withBench(async ({ run }) => {
      const hint = /^It has ops, hook, own\.$/;
      assertComplaint(await run('opps'), { code: 'NOTIFIER_UNKNOWN', message: /no notifier "opps"/, hint });
    }));
});

interface Bench {
  run(...args: string[]): ReturnType<typeof runInProcess>;
  sink: Awaited<ReturnType<typeof startHttpSink>>;
}

async function withBench(use: (bench: Bench) => Promise<void>): Promise<void> {
  const sink = await startHttpSink();
  try {
    await withFolder(async (path) => {
      const url = `${sink.url}/${secret}`;
      const database = { engine: 'postgres', url: 'postgres://nobody@127.0.0.1:1/nothing' };
      const config = {
        storages: { main: { type: 'local', path: 'backups' } },
        databases: { shop: { ...database, notify: ['ops'] }, crm: database },
        notifiers: {
          ops: { type: 'slack', webhook: url, allowPrivate: true },
          hook: { type: 'webhook', url, allowPrivate: true },
          own: { type: 'webhook', url },
        },
      };
      await writeFile(join(path, 'backupdata.yaml'), JSON.stringify(config));
      await use({ sink, run: (...args) => runInProcess({ path, env: {} }, 'notify', 'test', ...args) });
    });
  } finally {
    await sink.close();
  }
}
