import assert from 'node:assert/strict';
import { it } from 'node:test';
import { notifierFor } from '../../src/producer/notifiers/notifiers.ts';
import type { NotifierOf } from '../../src/shared/config/notifier-schema.ts';
import { Secret } from '../../src/shared/secret.ts';
import { sampleEvent } from '../support/run-event.ts';
import { type SmtpSink, startSmtpSink } from '../support/smtp-sink.ts';
import { notifierSuite } from './notifier-suite.ts';

const password = 'mail pass@word';

const config = (port: number): NotifierOf<'email'> => ({
  type: 'email',
  url: new Secret(`smtp://mailer:${encodeURIComponent(password)}@127.0.0.1:${port}`),
  from: 'Backups <backups@example.com>',
  to: ['ops@example.com', 'Night Watch <night@example.com>'],
  on: ['failure'],
  allowPrivate: true,
});

const answers = {
  ok: {},
  later: { '.': '451 try later' },
  never: { RCPT: '550 no such user' },
  hang: { DATA: 'hang' },
};

notifierSuite({
  name: 'email',
  withSubject: (use) =>
    withSink((sink) =>
      use({
        port: sink.port,
        taken: () => sink.mails.map(({ lines }) => lines.join('\n')),
        connections: sink.connections,
        answer: (how) => sink.answer(answers[how]),
      }),
    ),
  config,
  secrets: [password, encodeURIComponent(password), Buffer.from(`\0mailer\0${password}`).toString('base64')],
  tells: ['Subject: Backup of shop failed', 'db.example.com:5432', 'pg_dump ended with 1', '6 of 6', '15%'],
  harmless: (taken) => {
    const [head = ''] = taken.split('\n\n', 1);
    const names = head.split('\n').flatMap((line) => /^([A-Za-z-]+):/.exec(line)?.[1] ?? []);
    assert.deepEqual(names, headers);
    assert.match(head, /^To: ops@example\.com, Night Watch <night@example\.com>$/m);
    assert.match(head, /^Subject: A job of shop failed$/m);
  },
});

const headers = [
  'Auto-Submitted',
  'From',
  'To',
  'Subject',
  'Message-ID',
  'Content-Transfer-Encoding',
  'Date',
  'MIME-Version',
  'Content-Type',
];

it('a mail goes to all of its recipients, under one id however often it is sent', () =>
  withSink(async (sink) => {
    await notify(sink);
    await notify(sink);
    const [first, second] = sink.mails;
    assert.deepEqual(
      [first?.from, first?.to],
      ['backups@example.com', ['ops@example.com', 'night@example.com']],
    );
    const idOf = (lines: readonly string[] = []) => /^Message-ID:\s*(\S+)$/m.exec(lines.join('\n'))?.[1];
    assert.match(idOf(first?.lines) ?? '', /^<\w{64}@backupdata>$/);
    assert.equal(idOf(first?.lines), idOf(second?.lines));
    assert.ok(sink.seen.some((line) => line.startsWith('AUTH PLAIN ')));
    assert.ok(sink.mails.every(({ lines }) => lines.includes('Auto-Submitted: auto-generated')));
  }));

it('a mail server that is busy, silent or wants another password is told apart', () =>
  withSink(async (sink) => {
    sink.answer({ AUTH: '535 no' });
    await assert.rejects(notify(sink), { code: 'NOTIFICATION_REFUSED', hint: /user and password/ });
    sink.answer({ AUTH: '454 not now' });
    await assert.rejects(notify(sink), { code: 'NOTIFICATION_FAILED' });
    sink.answer({ CONNECT: 'hang' });
    const limits = { connect: 300, whole: 400 };
    await assert.rejects(notify(sink, { limits }), {
      code: 'NOTIFICATION_FAILED',
      message: /did not answer/,
    });
    sink.answer({ CONNECT: '421 busy' });
    await assert.rejects(notify(sink), { code: 'NOTIFICATION_FAILED', message: /answered 421/ });
    assert.equal(sink.mails.length, 0);
  }));

it('a mail that one of its recipients cannot have now is sent again, and one that never can is not', () =>
  withSink(async (sink) => {
    sink.answer({ 'RCPT TO:<night@example.com>': '451 come back later' });
    await assert.rejects(notify(sink), {
      code: 'NOTIFICATION_FAILED',
      message: /answered 451 for 1 of 2 recipients/,
    });
    sink.answer({ 'RCPT TO:<night@example.com>': '550 no such user' });
    await assert.rejects(notify(sink), { code: 'NOTIFICATION_REFUSED', message: /not for 1 of 2/ });
    assert.deepEqual(
      sink.mails.map(({ to }) => to),
      [['ops@example.com'], ['ops@example.com']],
    );
  }));

async function notify(
  sink: SmtpSink,
  changes: Partial<Parameters<typeof notifierFor>[0]> = {},
): Promise<void> {
  const options = { name: 'ops', config: config(sink.port), clock: () => new Date(), ...changes };
  await (await notifierFor(options)).notify(sampleEvent(), new AbortController().signal);
}

async function withSink(use: (sink: SmtpSink) => Promise<void>): Promise<void> {
  const sink = await startSmtpSink();
  try {
    await use(sink);
  } finally {
    await sink.close();
  }
}
