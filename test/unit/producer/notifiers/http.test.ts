import assert from 'node:assert/strict';
import { pipeline, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { notifierFor } from '../../../../src/producer/notifiers/notifiers.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { type HttpSink, startHttpSink } from '../../../support/http-sink.ts';
import { webhookTo } from '../../../support/notifications.ts';
import { sampleEvent } from '../../../support/run-event.ts';
import { until } from '../../../support/until.ts';

describe('an answer', () => {
  it('of 2xx is taken, of most 4xx refused, and any other asks to come again', () =>
    withSink(async (sink) => {
      const codes = [
        200, 201, 204, 299, 400, 401, 403, 404, 410, 413, 499, 408, 425, 429, 500, 502, 503, 599,
      ];
      const outcomes = await Promise.all(
        codes.map(async (status) => {
          sink.answer((response) => response.writeHead(Number(response.req.url?.slice(1))).end());
          return outcomeOf(`${sink.url}/${status}`);
        }),
      );
      assert.deepEqual(outcomes.slice(0, 4), Array(4).fill('taken'));
      assert.deepEqual(outcomes.slice(4, 11), Array(7).fill('NOTIFICATION_REFUSED'));
      assert.deepEqual(outcomes.slice(11), Array(7).fill('NOTIFICATION_FAILED'));
    }));

  it('is not read: one without an end, or that breaks off, holds nothing up', () =>
    withSink(async (sink) => {
      sink.answer((response) => {
        response.writeHead(200);
        // It ends when nobody takes more.
        pipeline(Readable.from(endless()), response, () => undefined);
      });
      assert.equal(await outcomeOf(sink.url), 'taken');
      await until('the connection is closed', () => sink.connections().open === 0);
      sink.answer((response) => response.writeHead(200, { 'content-length': 10 }).write('x'));
      assert.equal(await outcomeOf(sink.url), 'taken');
      sink.answer((response) => void response.socket?.end('HTTP/1.1 200 OK\r\ncontent-le'));
      assert.equal(await outcomeOf(sink.url), 'NOTIFICATION_FAILED');
      sink.answer((response) => void response.socket?.end('220 this is SMTP\r\n'));
      assert.equal(await outcomeOf(sink.url), 'NOTIFICATION_FAILED');
      sink.answer((response) => void response.socket?.resetAndDestroy());
      assert.equal(await outcomeOf(sink.url), 'NOTIFICATION_FAILED');
      sink.answer(
        (response) =>
          void response.socket?.write(
            'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
          ),
      );
      assert.equal(await outcomeOf(sink.url), 'NOTIFICATION_FAILED');
      await until('all are closed', () => sink.connections().open === 0);
    }));

  it('of https that does not speak TLS is a failure that may pass', () =>
    withSink(async (sink) => {
      assert.equal(await outcomeOf(`https://127.0.0.1:${sink.port}`), 'NOTIFICATION_FAILED');
      assert.equal(await outcomeOf('http://no-such-host.invalid'), 'NOTIFICATION_FAILED');
    }));
});

function* endless(): Generator<string> {
  for (;;) yield 'x'.repeat(65_536);
}

async function outcomeOf(url: string): Promise<string> {
  const limits = { connect: 1_000, whole: 2_000 };
  const config = webhookTo(url, { secret: new Secret('a secret') });
  const notifier = await notifierFor({ name: 'ops', config, clock: () => new Date(), limits });
  return notifier.notify(sampleEvent(), new AbortController().signal).then(
    () => 'taken',
    (error) => String(error.code),
  );
}

async function withSink(use: (sink: HttpSink) => Promise<void>): Promise<void> {
  const sink = await startHttpSink();
  try {
    await use(sink);
  } finally {
    await sink.close();
  }
}
