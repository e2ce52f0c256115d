import type { RunEventKind } from '../../shared/queues/run-event.ts';
import { hostOf, type NotifierOptions } from './delivery.ts';
import { post } from './http.ts';
import type { Notifier } from './notifier.ts';
import { causeOf } from './text.ts';

/**
 * Where each kind is told, below the check's own address; any other is nothing to a check. A test is written into its log
 * alone: as a success it would hide that a backup stays away.
 */
const places: Partial<Record<RunEventKind, string>> = {
  start: '/start',
  success: '',
  failure: '/fail',
  test: '/log',
};

/** Pings of a service that complains when they stay away. */
export function createHealthcheck(options: NotifierOptions<'healthcheck'>): Notifier {
  const { name, config } = options;
  return {
    name,
    notify: async (event, signal) => {
      const place = places[event.kind];
      if (place === undefined) return;
      const url = new URL(
        config.url.reveal().replaceAll('{database}', () => encodeURIComponent(event.database)),
      );
      if (place !== '') url.pathname = `${url.pathname.replace(/\/+$/, '')}${place}`;
      const recipient = { name, type: config.type, host: hostOf(url) };
      const sender = { ...options, recipient, allowPrivate: config.allowPrivate };
      const headers = { 'content-type': 'text/plain; charset=utf-8' };
      await post(sender, { url, headers, body: causeOf(event) ?? '' }, signal);
    },
  };
}
