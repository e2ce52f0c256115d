import { z } from 'zod';
import { secretText, text } from './values.ts';

/** What happens to a database that somebody may want to hear of. */
export const eventKinds = [
  'success',
  'failure',
  'recovery',
  'stale',
  'verification-failed',
  'prune',
  'missed',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** What is told where nothing is said: whatever needs somebody, and that it is over. */
const usual: EventKind[] = ['failure', 'recovery', 'stale', 'verification-failed', 'missed'];

const common = {
  on: z.array(z.enum(eventKinds)).min(1).default(usual),
  /** Whether its address may be of a private network, or of this machine. */
  allowPrivate: z.boolean().default(false),
};

const httpUrl = secretText.refine((url) => isUrlOf(url.reveal(), ['http:', 'https:']), {
  message: 'not an address; write https://HOST/PATH',
});

const smtpUrl = secretText.refine((url) => isUrlOf(url.reveal(), ['smtp:', 'smtps:']), {
  message: 'not a mail server; write smtps://USER:PASSWORD@HOST:465 or smtp://HOST:587',
});

const mailAddress = text.refine(
  (address) => /^[^\s<>,;]+@[^\s<>,;]+$|^[^<>]*<[^\s<>]+@[^\s<>]+>$/.test(address),
  {
    message: 'not a mail address; write ops@example.com or Backups <backups@example.com>',
  },
);

export const notifierSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('slack'), webhook: httpUrl, ...common }),
  /** Each event as JSON; with `secret`, signed by HMAC-SHA-256. */
  z.strictObject({ type: z.literal('webhook'), url: httpUrl, secret: secretText.optional(), ...common }),
  z.strictObject({
    type: z.literal('email'),
    url: smtpUrl,
    from: mailAddress,
    to: z.array(mailAddress).min(1),
    ...common,
  }),
  /** Pings at start, success and failure; `{database}` in the URL stands for the database's name. */
  z.strictObject({ type: z.literal('healthcheck'), url: httpUrl, allowPrivate: common.allowPrivate }),
]);

export type NotifierConfig = z.output<typeof notifierSchema>;
export type NotifierOf<Type extends NotifierConfig['type']> = Extract<NotifierConfig, { type: Type }>;

function isUrlOf(url: string, protocols: readonly string[]): boolean {
  return URL.canParse(url) && protocols.includes(new URL(url).protocol);
}
