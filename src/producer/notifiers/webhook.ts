import { createHmac } from 'node:crypto';
import { hostOf, type NotifierOptions } from './delivery.ts';
import { post } from './http.ts';
import type { Notifier } from './notifier.ts';

/** Each event as JSON to a program. With a secret it can tell that it is ours, and when it was sent. */
export function createWebhook(options: NotifierOptions<'webhook'>): Notifier {
  const { name, config, clock } = options;
  const url = new URL(config.url.reveal());
  const recipient = { name, type: config.type, host: hostOf(url) };
  const sender = { ...options, recipient, allowPrivate: config.allowPrivate };
  return {
    name,
    notify: (event, signal) => {
      const body = JSON.stringify(event);
      const timestamp = String(Math.floor(clock().getTime() / 1_000));
      const headers = {
        'content-type': 'application/json',
        'idempotency-key': event.id,
        'x-backupdata-timestamp': timestamp,
        ...(config.secret && {
          'x-backupdata-signature': signatureOf({ secret: config.secret.reveal(), timestamp, body }),
        }),
      };
      return post(sender, { url, headers, body }, signal);
    },
  };
}

/** The time is signed too, so that what somebody recorded cannot be sent again later. */
function signatureOf({
  secret,
  timestamp,
  body,
}: {
  secret: string;
  timestamp: string;
  body: string;
}): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}
