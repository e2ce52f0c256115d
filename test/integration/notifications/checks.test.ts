import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import type { NotifierConfig } from '../../../src/shared/config/notifier-schema.ts';
import type { RunEvent } from '../../../src/shared/queues/run-event.ts';
import { Secret } from '../../../src/shared/secret.ts';
import type { HttpSink } from '../../support/http-sink.ts';
import { type NotifyingBench, withNotifying } from '../../support/notifications.ts';
import { sampleEvent } from '../../support/run-event.ts';
import { until } from '../../support/until.ts';

describe('a health check', () => {
  it('that did not take a failure is not told of it after the success that followed', () =>
    withChecks(async ({ check, notifiers, outbox, start, isOver }) => {
      const box = outbox(notifiers);
      start(notifiers);
      check.answer(503);
      await box.tell(eventAt(1, 'failure'));
      await until('it was not taken', () => check.received.length > 0);
      check.answer(200);
      await box.tell(eventAt(2, 'success'));
      await until('both are over', () => isOver(box, 2));
      assert.equal(check.received.at(-1)?.path, '/shop', pathsOf(check).join());
    }));

  it('hears of the end of a run once it has heard of its start, whichever producer tells it', () =>
    withChecks(async ({ check, notifiers, outbox, start, isOver }) => {
      const asked: ServerResponse[] = [];
      check.answer((response) => void asked.push(response));
      const box = outbox(notifiers);
      start(notifiers);
      start(notifiers);
      await box.tell(eventAt(1, 'start'));
      await until('the start is told', () => asked.length === 1);
      await box.tell(eventAt(2, 'success'));
      await until('the end waits, or is told', async () => {
        return (await box.queue.getDelayedCount()) > 0 || asked.length > 1;
      });
      assert.deepEqual(pathsOf(check), ['/shop/start']);
      check.answer(200);
      asked[0]?.end();
      await until('both are over', () => isOver(box, 2));
      assert.deepEqual(pathsOf(check), ['/shop/start', '/shop']);
    }));

  it('hears of backups alone: no run makes up for a copy that failed, or for a server that did not answer', () =>
    withChecks(async ({ check, notifiers, outbox, start, isOver }) => {
      const box = outbox(notifiers);
      start(notifiers);
      for (const name of ['copy', 'prune', 'discover', 'verify'])
        await box.tell(
          sampleEvent({ id: name, kind: 'failure', job: { id: name, name, attempt: 6, attempts: 6 } }),
        );
      await box.tell(eventAt(2, 'failure'));
      await until('it is told', () => isOver(box, 1));
      assert.deepEqual(pathsOf(check), ['/shop/fail']);
    }));
});

function eventAt(second: number, kind: RunEvent['kind']): RunEvent {
  return sampleEvent({ id: `${kind}-${second}`, kind, at: `2026-01-02T03:00:0${second}.000Z` });
}

function pathsOf({ received }: HttpSink): string[] {
  return received.map(({ path }) => path);
}

interface ChecksBench extends NotifyingBench {
  check: HttpSink;
  notifiers: Record<string, NotifierConfig>;
  /** Whether so many notifications have come to their end, and no other is on its way. */
  isOver(box: ReturnType<NotifyingBench['outbox']>, count: number): Promise<boolean>;
}

function withChecks(use: (bench: ChecksBench) => Promise<void>): Promise<void> {
  return withNotifying(async (bench) => {
    const check = await bench.sink();
    const url = new Secret(`${check.url}/{database}`);
    await use({
      ...bench,
      check,
      notifiers: { checks: { type: 'healthcheck', url, allowPrivate: true } },
      isOver: async ({ queue }, count) =>
        (await queue.getJobCountByTypes('completed', 'failed')) === count &&
        (await queue.getJobCountByTypes('waiting', 'active', 'delayed')) === 0,
    });
  });
}
