import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { openConnection } from './connect.ts';
import {
  deliver,
  failed,
  hostOf,
  type NotifierOptions,
  postponed,
  type Recipient,
  refused,
} from './delivery.ts';

export interface Post {
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: string;
}

type Sender = Pick<NotifierOptions, 'lookup' | 'limits' | 'clock'> & {
  recipient: Recipient;
  allowPrivate: boolean;
};

/** POSTs once. Only a 2xx counts as taken; redirects are not followed, since they may lead anywhere. */
export async function post(sender: Sender, { url, headers, body }: Post, signal: AbortSignal): Promise<void> {
  const { recipient, limits } = sender;
  await deliver(recipient, { limit: limits.whole, signal }, async (within) => {
    const connection = await connectFor(sender, url, within);
    try {
      const asked = request({
        method: 'POST',
        path: `${url.pathname}${url.search}`,
        headers: {
          ...headers,
          ...credentials(url),
          host: url.host,
          'user-agent': 'BackUpData',
          connection: 'close',
        },
        createConnection: () => connection,
        signal: within,
      });
      judge(recipient, await answerTo(asked, body, within), sender.clock());
    } finally {
      // What the answer says is not read: its status says all, and it may have no end.
      connection.destroy();
    }
  });
}

function connectFor(sender: Sender, url: URL, signal: AbortSignal): Promise<Socket> {
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return openConnection({ ...sender, host: hostOf(url), port, secure, limit: sender.limits.connect, signal });
}

interface Answer {
  status: number;
  /** As `Retry-After` has it. */
  retryAfter: string | undefined;
}

/** A request whose connection switches protocols has neither a response nor an error: its limit ends it whatever became of it. */
async function answerTo(asked: ClientRequest, body: string, signal: AbortSignal): Promise<Answer> {
  const answers = ['response', 'upgrade'].map(
    (name) => once(asked, name, { signal }) as Promise<[IncomingMessage]>,
  );
  asked.end(body);
  const [answer] = await Promise.race(answers);
  answer.on('error', () => undefined);
  return { status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] };
}

/** Of the 4xx those that say "not now". */
const temporary = [408, 425, 429];

function judge(recipient: Recipient, { status, retryAfter }: Answer, now: Date): void {
  if (status >= 200 && status < 300) return;
  if (status >= 300 && status < 400)
    throw refused(
      recipient,
      `answered with a redirect (${status}), which is not followed`,
      'Write the address that it leads to.',
    );
  if (status >= 400 && status < 500 && !temporary.includes(status))
    throw refused(
      recipient,
      `refused it with status ${status}`,
      'Compare the URL with what the service shows for it.',
    );
  const what = `answered with status ${status}`;
  const later = retryAfter === undefined ? undefined : millisecondsUntil(retryAfter, now);
  throw later === undefined ? failed(recipient, what) : postponed(recipient, what, later);
}

/** Seconds, or a date; undefined for what is neither. */
function millisecondsUntil(retryAfter: string, now: Date): number | undefined {
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}

function credentials({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

/** A part of a URL as it is meant; as it is written where that is no encoding. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
