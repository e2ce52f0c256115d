import { lookup } from 'node:dns';
import type { NotifierConfig } from '../../shared/config/notifier-schema.ts';
import type { RunEvent } from '../../shared/queues/run-event.ts';
import { hostOf, type NotifierOptions } from './delivery.ts';
import type { Notifier } from './notifier.ts';

const limits = { connect: 5_000, whole: 10_000 };

interface Making extends Partial<Pick<NotifierOptions, 'lookup' | 'limits'>> {
  name: string;
  config: NotifierConfig;
  clock: () => Date;
}

/** The notifier of that name. Only its own code is loaded. */
export async function notifierFor({ config, ...options }: Making): Promise<Notifier> {
  const common = { lookup, limits, ...options };
  switch (config.type) {
    case 'slack':
      return (await import('./slack.ts')).createSlack({ ...common, config });
    case 'webhook':
      return (await import('./webhook.ts')).createWebhook({ ...common, config });
    case 'email':
      return (await import('./email.ts')).createEmail({ ...common, config });
    case 'healthcheck':
      return (await import('./healthcheck.ts')).createHealthcheck({ ...common, config });
  }
}

/** A check is told how backups fare, any other notifier of what it is configured for. */
export function hears(config: NotifierConfig, { kind, job }: Pick<RunEvent, 'kind' | 'job'>): boolean {
  if (config.type !== 'healthcheck') return config.on.some((each) => each === kind);
  // No success would follow the failure of a copy, or that of a server as a whole.
  return ['start', 'success', 'failure'].includes(kind) && job?.name === 'backup';
}

/** Whether what it was told last is what it shows from then on. */
export function isState({ type }: NotifierConfig): boolean {
  return type === 'healthcheck';
}

/** Where it sends to, as far as anybody may see it: the host. */
export function placeOf(config: NotifierConfig): string {
  return hostOf(new URL((config.type === 'slack' ? config.webhook : config.url).reveal()));
}
