import type { NotifyingOptions, Told } from '../../src/producer/notifiers/notifying.ts';
import { startNotifying } from '../../src/producer/notifiers/notifying.ts';
import { type Outbox, openOutbox } from '../../src/producer/notifiers/outbox.ts';
import type { NotifierConfig, NotifierOf } from '../../src/shared/config/notifier-schema.ts';
import type { Config } from '../../src/shared/config/schema.ts';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { Secret } from '../../src/shared/secret.ts';
import { sampleConfig, sampleDatabase } from './database.ts';
import { type HttpSink, startHttpSink } from './http-sink.ts';
import { quickQueue } from './installation.ts';
import { createMemoryLogger } from './memory-logger.ts';
import { openProducerRedis } from './producer-redis.ts';
import { sharedRedis } from './redis.ts';

/** Producers of one installation, as far as they notify. */
export interface NotifyingBench {
  /** An HTTP server that is closed afterwards. */
  sink(): Promise<HttpSink>;
  /** What enqueues events for those notifiers; the database `shop` names them all, unless `notify` says otherwise. */
  outbox(notifiers: Record<string, NotifierConfig>, notify?: readonly string[]): Outbox;
  /** What tells those notifiers; closed afterwards. */
  start(
    notifiers: Record<string, NotifierConfig>,
    changes?: Partial<NotifyingOptions>,
  ): ReturnType<typeof startNotifying>;
  /** What was counted. */
  told: readonly Told[];
  lines: readonly string[];
}

let count = 0;

export async function withNotifying(
  use: (bench: NotifyingBench) => Promise<void>,
  redisUrl?: string,
): Promise<void> {
  count += 1;
  const installation = `notify-${process.pid}-${count}`;
  await withReleases(async (releases) => {
    const server = redisUrl === undefined ? await sharedRedis() : { url: redisUrl, stop: () => undefined };
    releases.push(server.stop);
    const connect = () => openProducerRedis(server.url, releases);
    const configOf = (notifiers: Record<string, NotifierConfig>, notify?: readonly string[]): Config =>
      sampleConfig({
        installation,
        databases: [sampleDatabase({ notify: notify ?? Object.keys(notifiers) })],
        notifiers: new Map(Object.entries(notifiers)),
        queue: { attempts: 6, maxStalledCount: 2, ...quickQueue },
      });
    const logger = createMemoryLogger();
    const told: Told[] = [];
    await use({
      told,
      lines: logger.lines,
      sink: async () => {
        const sink = await startHttpSink();
        releases.push(sink.close);
        return sink;
      },
      outbox: (...of) => {
        const config = configOf(...of);
        const outbox = openOutbox({ current: () => ({ config }), redis: connect() });
        releases.push(outbox.close);
        return outbox;
      },
      start: (notifiers, changes) => {
        const config = configOf(notifiers);
        const notifying = startNotifying({
          current: () => ({ config }),
          redis: connect(),
          logger,
          clock: () => new Date(),
          random: () => 0,
          count: (each) => void told.push(each),
          ...changes,
        });
        releases.push(notifying.close);
        return notifying;
      },
    });
  });
}

/** A webhook to a server of a test, which hears of every kind. */
export function webhookTo(url: string, changes: Partial<NotifierOf<'webhook'>> = {}): NotifierOf<'webhook'> {
  return {
    type: 'webhook',
    url: new Secret(url),
    on: ['success', 'failure'],
    allowPrivate: true,
    ...changes,
  };
}
