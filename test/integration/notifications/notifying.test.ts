import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '../../../src/shared/secret.ts';
import { webhookTo, withNotifying } from '../../support/notifications.ts';
import { freePort } from '../../support/ports.ts';
import { sampleEvent } from '../../support/run-event.ts';
import { until } from '../../support/until.ts';

const event = sampleEvent();

describe('an event', () => {
  it('reaches every notifier that its database names and that hears of such events, and no other', () =>
    withNotifying(async ({ sink, outbox, start, told }) => {
      const { url, received } = await sink();
      const notifiers = {
        ops: webhookTo(`${url}/ops`),
        good: webhookTo(`${url}/good`, { on: ['success'] }),
        unnamed: webhookTo(`${url}/unnamed`),
        ping: { type: 'healthcheck', url: new Secret(`${url}/ping`), allowPrivate: true } as const,
      };
      const box = outbox(notifiers, ['ops', 'good', 'ping', 'gone']);
      await box.tell(event);
      await box.tell(sampleEvent({ id: 'recovery', kind: 'recovery' }));
      await box.tell(sampleEvent({ id: 'other', database: 'crm' }));
      start(notifiers);
      await until('both are told', () => told.length === 2);
      assert.deepEqual(received.map(({ path }) => path).sort(), ['/ops', '/ping/fail']);
      assert.deepEqual(await box.queue.getJobCountByTypes('waiting', 'active', 'delayed'), 0);
    }));

  it('that two producers tell is told once', () =>
    withNotifying(async ({ sink, outbox, start, told }) => {
      const { url, received } = await sink();
      const notifiers = { ops: webhookTo(url), other: webhookTo(url) };
      const boxes = [outbox(notifiers), outbox(notifiers), outbox(notifiers)];
      await Promise.all(boxes.map((box) => box.tell(event)));
      start(notifiers);
      start(notifiers);
      await until('all are told', () => told.length >= 2);
      // Once it was told, too.
      await boxes[0]?.tell(event);
      await boxes[0]?.tell(sampleEvent({ id: 'later' }));
      await until('the later one is told', () => told.length >= 4);
      assert.equal(received.filter(({ body }) => JSON.parse(body).id === event.id).length, 2);
      assert.ok((await boxes[0]?.queue.getJob(`notify-ops-${event.id}`)) !== undefined);
    }));
});

describe('a notifier', () => {
  it('that fails is tried again until it takes it', () =>
    withNotifying(async ({ sink, outbox, start, told, lines }) => {
      const ops = await sink();
      ops.answer(500);
      const notifiers = { ops: webhookTo(ops.url) };
      start(notifiers);
      await outbox(notifiers).tell(event);
      await until('it was tried twice', () => ops.received.length === 2);
      ops.answer(200);
      await until('it is told', () => told.some(({ outcome }) => outcome === 'sent'));
      const outcomes = told.map(({ outcome }) => outcome);
      assert.deepEqual(outcomes, [...Array(outcomes.length - 1).fill('retried'), 'sent']);
      assert.equal(new Set(ops.received.map(({ body }) => body)).size, 1);
      assert.match(lines.join('\n'), /^warn a notification failed, and is tried again$/m);
    }));

  it('that refuses is not tried again, and one that nobody knows any more is let go', () =>
    withNotifying(async ({ sink, outbox, start, told, lines }) => {
      const ops = await sink();
      ops.answer(404);
      const notifiers = { ops: webhookTo(ops.url) };
      start(notifiers);
      const box = outbox({ ...notifiers, gone: webhookTo(ops.url) });
      await box.tell(event);
      await until(
        'both are over',
        () => lines.some((line) => /no longer in the conf/.test(line)) && told.length === 1,
      );
      assert.deepEqual(told, [{ notifier: 'ops', kind: 'failure', outcome: 'failed' }]);
      await until('it failed', async () => (await box.queue.getFailedCount()) === 1);
      const [job] = await box.queue.getFailed();
      assert.match(
        job?.failedReason ?? '',
        /^\[NOTIFICATION_REFUSED\] the notifier ops \(webhook at 127\.0\.0\.1\) refused/,
      );
      assert.equal(job?.attemptsMade, 1);
    }));

  it('that asks to be left alone is, by all that waits for it, and at the cost of no attempt', () =>
    withNotifying(async ({ sink, outbox, start, told, lines }) => {
      const ops = await sink();
      ops.answer((response) => response.writeHead(429, { 'retry-after': '1' }).end());
      const notifiers = { ops: webhookTo(ops.url) };
      start(notifiers);
      const box = outbox(notifiers);
      const now = { at: new Date().toISOString() };
      await box.tell(sampleEvent({ id: 'first', ...now }));
      await until('it waits', async () => (await box.queue.getDelayedCount()) === 1);
      await box.tell(sampleEvent({ id: 'second', ...now }));
      await until('both wait', async () => (await box.queue.getDelayedCount()) === 2);
      assert.equal(ops.received.length, 1);
      ops.answer(200);
      await until('both are told', () => told.length === 3);
      assert.deepEqual(
        told.map(({ outcome }) => outcome),
        ['retried', 'sent', 'sent'],
      );
      await until(
        'it has ended with one attempt',
        async () => (await box.queue.getJob('notify-ops-first'))?.attemptsMade === 1,
      );
      assert.equal(lines.filter((line) => /as its service asks for/.test(line)).length, 1);
    }));

  it('that hangs, or is away, holds up no other', () =>
    withNotifying(async ({ sink, outbox, start, told }) => {
      const [hanging, good] = [await sink(), await sink()];
      hanging.answer('hang');
      const notifiers = {
        hanging: webhookTo(hanging.url),
        away: webhookTo(`http://127.0.0.1:${await freePort()}`),
        good: webhookTo(good.url),
      };
      start(notifiers);
      const box = outbox(notifiers);
      const ids = Array.from({ length: 60 }, (_, index) => `event-${index}`);
      for (const id of ids) await box.tell(sampleEvent({ id }));
      await until('the good one is told', () => good.received.length === ids.length, 9_000);
      assert.ok(hanging.received.length <= 16, `${hanging.received.length} were asked for at once`);
      assert.deepEqual(
        told.filter(({ notifier, outcome }) => notifier === 'good' && outcome !== 'sent'),
        [],
      );
    }));
});
