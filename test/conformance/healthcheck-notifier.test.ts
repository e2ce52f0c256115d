import assert from 'node:assert/strict';
import { it } from 'node:test';
import { notifierFor } from '../../src/producer/notifiers/notifiers.ts';
import type { NotifierOf } from '../../src/shared/config/notifier-schema.ts';
import { runEventKinds } from '../../src/shared/queues/run-event.ts';
import { Secret } from '../../src/shared/secret.ts';
import { withHttpSubject } from '../support/http-notifier.ts';
import { sampleEvent } from '../support/run-event.ts';
import { notifierSuite } from './notifier-suite.ts';

const key = 'k3y-of-the-checks';

const config = (port: number, path = `/${key}/{database}`): NotifierOf<'healthcheck'> => ({
  type: 'healthcheck',
  url: new Secret(`http://127.0.0.1:${port}${path}`),
  allowPrivate: true,
});

notifierSuite({
  name: 'healthcheck',
  withSubject: (use) => withHttpSubject(use, ({ path, body }) => `${path} ${body}`),
  config,
  secrets: [key],
  tells: [`/${key}/shop/fail`, 'pg_dump ended with 1'],
  harmless: (taken) => {
    assert.match(taken, new RegExp(`^/${key}/shop/fail [^\\p{Cc}\\u2028\\u202e]*$`, 'u'));
    assert.ok(taken.length < 500);
  },
});

it('a health check is pinged at start, success and failure, and its log alone by a test', () =>
  withHttpSubject(
    async ({ port, taken }) => {
      const { signal } = new AbortController();
      const tell = async (path: string, kinds: readonly (typeof runEventKinds)[number][]) => {
        const notifier = await notifierFor({
          name: 'ops',
          config: config(port, path),
          clock: () => new Date(),
        });
        for (const kind of kinds)
          await notifier.notify(sampleEvent({ kind, database: 'main.~53hop' }), signal);
      };
      await tell('/id', runEventKinds);
      await tell('/id/?rid=1', ['start', 'success']);
      await tell('/{database}/{database}', ['success']);
      assert.deepEqual(taken(), [
        '/id',
        '/id/fail',
        '/id/start',
        '/id/log',
        '/id/start?rid=1',
        '/id/?rid=1',
        '/main.~53hop/main.~53hop',
      ]);
    },
    ({ path }) => path,
  ));
