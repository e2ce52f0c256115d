import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { it } from 'node:test';
import { notifierFor } from '../../src/producer/notifiers/notifiers.ts';
import type { NotifierOf } from '../../src/shared/config/notifier-schema.ts';
import { runEventSchema } from '../../src/shared/queues/run-event.ts';
import { Secret } from '../../src/shared/secret.ts';
import { withHttpSubject } from '../support/http-notifier.ts';
import { startHttpSink } from '../support/http-sink.ts';
import { sampleBackup, sampleEvent } from '../support/run-event.ts';
import { notifierSuite } from './notifier-suite.ts';

const secret = 'hmac-secret-of-ops';

const config = (port: number): NotifierOf<'webhook'> => ({
  type: 'webhook',
  url: new Secret(`http://hook:hook%20password@127.0.0.1:${port}/in?token=t0p-token`),
  secret: new Secret(secret),
  on: ['failure'],
  allowPrivate: true,
});

notifierSuite({
  name: 'webhook',
  withSubject: withHttpSubject,
  config,
  secrets: [
    secret,
    't0p-token',
    'hook%20password',
    'hook password',
    Buffer.from('hook:hook password').toString('base64'),
  ],
  tells: ['"kind":"failure"', '"database":"shop"', 'pg_dump ended with 1', '"bytes":1150000'],
  harmless: (taken) => {
    assert.equal(runEventSchema.parse(JSON.parse(taken)).kind, 'failure');
  },
});

it('a webhook is sent the event itself, and what shows that it is ours', async () => {
  const sink = await startHttpSink();
  try {
    const at = new Date('2026-01-02T03:10:00.999Z');
    const notifier = await notifierFor({ name: 'ops', config: config(sink.port), clock: () => at });
    const event = sampleEvent({ backup: sampleBackup });
    const { signal } = new AbortController();
    await notifier.notify(event, signal);
    const [{ method, path, headers, body } = assert.fail('nothing came')] = sink.received;
    assert.deepEqual([method, path], ['POST', '/in?token=t0p-token']);
    assert.deepEqual(JSON.parse(body), event);
    const timestamp = String(Date.parse('2026-01-02T03:10:00Z') / 1_000);
    assert.equal(headers['x-backupdata-timestamp'], timestamp);
    const expected = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
    assert.equal(headers['x-backupdata-signature'], `v1=${expected}`);
    assert.equal(headers['idempotency-key'], event.id);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers.authorization, `Basic ${Buffer.from('hook:hook password').toString('base64')}`);
    assert.equal(headers.host, `127.0.0.1:${sink.port}`);

    const { secret: _none, ...unsigned } = config(sink.port);
    await (await notifierFor({ name: 'ops', config: unsigned, clock: () => at })).notify(event, signal);
    assert.equal(sink.received[1]?.headers['x-backupdata-signature'], undefined);
    assert.equal(sink.received[1]?.headers['x-backupdata-timestamp'], timestamp);
  } finally {
    await sink.close();
  }
});
