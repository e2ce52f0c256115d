import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { notifierFor } from '../../src/producer/notifiers/notifiers.ts';
import type { NotifierConfig } from '../../src/shared/config/notifier-schema.ts';
import { BackupDataError } from '../../src/shared/errors.ts';
import type { RunEvent } from '../../src/shared/queues/run-event.ts';
import { freePort } from '../support/ports.ts';
import { sampleBackup, sampleEvent } from '../support/run-event.ts';
import { until } from '../support/until.ts';

/** A notifier's service, as far as a test needs it. */
export interface NotifierSubject {
  port: number;
  /** What it took, as people or programs would read it. */
  taken(): readonly string[];
  connections(): { made: number; open: number };
  /** How it answers from now on: `later` is a failure that passes, `never` one that does not, `hang` is no answer. */
  answer(how: 'ok' | 'later' | 'never' | 'hang'): void;
}

export interface NotifierImplementation {
  name: string;
  withSubject(use: (subject: NotifierSubject) => Promise<void>): Promise<void>;
  /** For a service on 127.0.0.1, with whatever secrets there may be. */
  config(port: number): NotifierConfig;
  /** What no error may show. */
  secrets: readonly string[];
  /** Whether it says what of the event its text holds. */
  tells: readonly string[];
  /** Fails where a name or a text of a hostile event got out of its place. */
  harmless(taken: string): void;
}

const limits = { connect: 400, whole: 800 };

/** What every notifier must do. Mandatory for an implementation of Notifier. */
export function notifierSuite(implementation: NotifierImplementation): void {
  const { name, config, withSubject, secrets, tells, harmless } = implementation;
  const make = (of: NotifierConfig) =>
    notifierFor({ name: 'ops', config: of, clock: () => new Date('2026-01-02T03:10:00Z'), limits });
  const notify = async (
    port: number,
    event: RunEvent = sampleEvent(),
    signal = new AbortController().signal,
  ) => (await make(config(port))).notify(event, signal);
  const fails = async (telling: Promise<void>, code: string, message: RegExp): Promise<void> => {
    const error: unknown = await telling.then(
      () => undefined,
      (thrown) => thrown,
    );
    assert.ok(error instanceof BackupDataError, inspect(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.match(error.message, /^the notifier ops \(\w+ at 127\.0\.0\.1\) /);
    assert.ok(error.hint);
    const whole = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
    for (const secret of secrets) assert.ok(!whole.includes(secret), `${secret} in ${whole}`);
  };

  describe(`the notifier ${name}`, () => {
    it('tells its service once, and closes the connection', () =>
      withSubject(async ({ port, taken, connections }) => {
        await notify(port, sampleEvent({ backup: sampleBackup }));
        assert.equal(taken().length, 1);
        for (const text of tells) assert.ok(taken()[0]?.includes(text), `${text} in ${taken()[0]}`);
        await until('the connection is closed', () => connections().open === 0);
        assert.equal(connections().made, 1);
      }));

    it('can be told again after a failure that passes', () =>
      withSubject(async ({ port, taken, answer }) => {
        answer('later');
        await fails(notify(port), 'NOTIFICATION_FAILED', / answered /);
        answer('ok');
        const before = taken().length;
        await notify(port);
        assert.equal(taken().length, before + 1);
      }));

    it('says that it was refused for good', () =>
      withSubject(async ({ port, answer }) => {
        answer('never');
        await fails(notify(port), 'NOTIFICATION_REFUSED', /\d{3}/);
      }));

    it('says that nothing listens there', async () =>
      fails(
        notify(await freePort()),
        'NOTIFICATION_FAILED',
        /could not be (reached|told) \(ECONNREFUSED\)$/,
      ));

    it('waits for a service that hangs only as long as it may', () =>
      withSubject(async ({ port, answer, connections }) => {
        answer('hang');
        await fails(notify(port), 'NOTIFICATION_FAILED', /did not answer within 0\.8 s$/);
        await until('the connection is closed', () => connections().open === 0);
      }));

    it('stops when it is told to', () =>
      withSubject(async ({ port, answer, connections }) => {
        answer('hang');
        const stop = new AbortController();
        const telling = notify(port, sampleEvent(), stop.signal);
        const reason = new Error('enough');
        const stopped = assert.rejects(telling, (error) => error === reason);
        await until('it is connected', () => connections().made === 1);
        stop.abort(reason);
        await stopped;
        await until('the connection is closed', () => connections().open === 0);
        await assert.rejects(notify(port, sampleEvent(), stop.signal), (error) => error === reason);
      }));

    it('makes no connection to a private address, unless it may', () =>
      withSubject(async ({ port, connections }) => {
        const notifier = await make({ ...config(port), allowPrivate: false });
        const telling = notifier.notify(sampleEvent(), new AbortController().signal);
        await fails(telling, 'NOTIFICATION_REFUSED', /was not told: its address is of this machine or/);
        assert.equal(connections().made, 0);
      }));

    it('keeps hostile names and texts in their place', () =>
      withSubject(async ({ port, taken }) => {
        for (const text of hostile) {
          const cause = { code: 'DUMP_FAILED', message: text, hint: text };
          const backup = { ...sampleBackup, notes: [text] };
          const job = { id: text, name: text, attempt: 1, attempts: 2 };
          const before = taken().length;
          await notify(port, sampleEvent({ server: text, cause, backup, job, link: text }));
          assert.equal(taken().length, before + 1);
          harmless(taken().at(-1) ?? '');
        }
      }));
  });
}

const hostile = [
  '<!channel> <!here> <@U123> <https://evil.example|click> @channel @here @Everyone',
  'a\r\nBcc: evil@example.com\r\n\r\nanother body',
  'a\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.com>\r\nDATA',
  '.\n..\n.',
  '"}],"text":"*x*\u2028\u0000\u001b[31m\u202ered',
  '&lt;!channel&gt; &amp;',
  `${'x'.repeat(20_000)} \u{1f4a5}`,
  '\ud800 half a character',
];
