import { Counter, Gauge, type Registry } from 'prom-client';
import type { Config } from '../../shared/config/schema.ts';
import type { RunEventKind } from '../../shared/queues/run-event.ts';
import type { Freshness } from '../freshness/freshness.ts';
import { addCatalogGauges } from './catalog.ts';
import { addRedisMetrics, type RedisMetricsOptions } from './redis.ts';

export interface ProducerMetricsOptions extends RedisMetricsOptions {
  freshness: Pick<Freshness, 'databases' | 'get' | 'storages'>;
}

const outcomes = ['sent', 'failed', 'retried'] as const;

/** What the producer tells its metrics; everything else they look up when they are asked. */
export interface ProducerMetrics {
  /** That a notifier was told of something, or could not be. */
  notified(told: { notifier: string; kind: RunEventKind; outcome: (typeof outcomes)[number] }): void;
  /** That the configuration was loaded anew, or could not be. */
  reloaded(ok: boolean): void;
}

/** Adds the producer's metrics to those of the process. */
export function createProducerMetrics(options: ProducerMetricsOptions): ProducerMetrics {
  const { registry, current } = options;
  addCatalogGauges(options);
  addRedisMetrics(options);
  return { notified: countNotifications(registry, current().config), reloaded: addReloads(options) };
}

function countNotifications(registry: Registry, { notifiers }: Config): ProducerMetrics['notified'] {
  const counter = new Counter({
    name: 'backup_notifications_total',
    help: 'Notifications by what came of them: sent, failed for good, or retried later.',
    labelNames: ['notifier', 'event', 'outcome'],
    registers: [registry],
  });
  // A counter that begins with 1 never increased.
  for (const [notifier, config] of notifiers)
    for (const event of config.type === 'healthcheck'
      ? (['start', 'success', 'failure'] as const)
      : config.on)
      for (const outcome of outcomes) counter.inc({ notifier, event, outcome }, 0);
  return ({ notifier, kind: event, outcome }) => counter.inc({ notifier, event, outcome });
}

function addReloads({ registry, clock }: ProducerMetricsOptions): ProducerMetrics['reloaded'] {
  const registers = [registry];
  const successful = new Gauge({
    name: 'backup_config_last_reload_successful',
    help: 'Whether the configuration could be loaded the last time (1), or an older one holds (0).',
    registers,
  });
  const at = new Gauge({
    name: 'backup_config_last_reload_success_timestamp_seconds',
    help: 'Unix time at which the configuration that holds was loaded.',
    registers,
  });
  const reloaded = (ok: boolean): void => {
    successful.set(Number(ok));
    if (ok) at.set(clock().getTime() / 1_000);
  };
  reloaded(true);
  return reloaded;
}
