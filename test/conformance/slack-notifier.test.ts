import assert from 'node:assert/strict';
import { it } from 'node:test';
import { notifierFor } from '../../src/producer/notifiers/notifiers.ts';
import type { NotifierConfig } from '../../src/shared/config/notifier-schema.ts';
import { Secret } from '../../src/shared/secret.ts';
import { withHttpSubject } from '../support/http-notifier.ts';
import { sampleBackup, sampleEvent } from '../support/run-event.ts';
import { notifierSuite } from './notifier-suite.ts';

const path = '/services/T0AAAA/B0BBBB/c0cccccc';

const config = (port: number): NotifierConfig => ({
  type: 'slack',
  webhook: new Secret(`http://127.0.0.1:${port}${path}`),
  on: ['failure'],
  allowPrivate: true,
});

interface Message {
  text: string;
  attachments: { color: string; blocks: { text: { type: string; text: string; verbatim: boolean } }[] }[];
}

notifierSuite({
  name: 'slack',
  withSubject: withHttpSubject,
  config,
  secrets: [path, 'T0AAAA', 'c0cccccc'],
  tells: [
    'Backup of shop failed',
    'db.example.com:5432',
    'pg_dump ended with 1',
    '6 of 6',
    '+15% against the last',
  ],
  harmless: (taken) => {
    // Slack reads nothing but `<…>` as its own; a plain `@channel` could be read so by what imitates it.
    assert.doesNotMatch(taken, /[<>]|@(channel|here|everyone)/i);
    assert.doesNotMatch(taken, /&(?!(amp|lt|gt);)/);
    const { text, attachments } = JSON.parse(taken) as Message;
    assert.equal(text, 'A job of shop failed');
    const [block] = attachments[0]?.blocks ?? [];
    assert.equal(block?.text.verbatim, true);
    assert.ok((block?.text.text.length ?? 0) < 3_000);
    assert.match(block?.text.text ?? '', /^\*Status:\* failure\n\*Database:\* shop\n/);
  },
});

it('a message of slack has a colour by whether something is to be done', () =>
  withHttpSubject(async ({ port, taken }) => {
    const notifier = await notifierFor({ name: 'ops', config: config(port), clock: () => new Date() });
    const { signal } = new AbortController();
    const recovery = { kind: 'failure', since: '2026-01-01T00:00:00.000Z' } as const;
    await notifier.notify(sampleEvent(), signal);
    await notifier.notify(
      sampleEvent({ kind: 'recovery', incident: recovery, backup: sampleBackup }),
      signal,
    );
    const colours = taken().map((each) => (JSON.parse(each) as Message).attachments[0]?.color);
    assert.deepEqual(colours, ['#e01e5a', '#2eb67d']);
  }));
