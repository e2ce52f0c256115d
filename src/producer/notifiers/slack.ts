import type { RunEvent } from '../../shared/queues/run-event.ts';
import { hostOf, type NotifierOptions } from './delivery.ts';
import { post } from './http.ts';
import type { Notifier } from './notifier.ts';
import { type EventText, textOf } from './text.ts';

const colours: Readonly<Record<EventText['mood'], string>> = {
  good: '#2eb67d',
  bad: '#e01e5a',
  neutral: '#8d9095',
};

/** Slack's limit for the text of a block is 3000. */
const longest = 2_900;

/** An incoming webhook of Slack, or of what takes the same messages. */
export function createSlack(options: NotifierOptions<'slack'>): Notifier {
  const { name, config } = options;
  const url = new URL(config.webhook.reveal());
  const recipient = { name, type: config.type, host: hostOf(url) };
  const sender = { ...options, recipient, allowPrivate: config.allowPrivate };
  const headers = { 'content-type': 'application/json' };
  return {
    name,
    notify: (event, signal) => post(sender, { url, headers, body: JSON.stringify(messageOf(event)) }, signal),
  };
}

/** Nothing in it is to be read for mentions: neither Slack's own form, which is escaped, nor plain words. */
function messageOf(event: RunEvent): object {
  const { title, mood, fields } = textOf(event);
  const lines = fields.flatMap(([label, value]) =>
    [value].flat().map((each) => `*${label}:* ${escaped(each)}`),
  );
  return {
    text: escaped(title),
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    attachments: [{ color: colours[mood], fallback: escaped(title), blocks: [sectionOf(lines)] }],
  };
}

/** Whole lines alone: what is cut may not end within an escape. */
function sectionOf(lines: readonly string[]): object {
  let text = '';
  for (const line of lines) if (text.length + line.length < longest) text += `${line}\n`;
  return { type: 'section', text: { type: 'mrkdwn', text: text.trimEnd(), verbatim: true } };
}

/** As Slack asks for it; a space without width keeps what a person would type for everybody from being read so. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/@(?=channel|here|everyone)/gi, '@\u200b');
}
