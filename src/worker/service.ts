import { setTimeout as wait } from 'node:timers/promises';
import type { Tools } from '../pipeline/process/tools.ts';
import { createResources } from '../pipeline/resources.ts';
import type { Config } from '../shared/config/schema.ts';
import type { Logger } from '../shared/logger.ts';
import type { Metrics } from '../shared/metrics.ts';
import { createRedactor } from '../shared/redact.ts';
import { connectRedis } from '../shared/redis.ts';
import type { Secret } from '../shared/secret.ts';
import { createThrottle } from './throttle.ts';
import { startWorker } from './worker.ts';

export interface WorkerServiceOptions {
  config: Config;
  redisUrl: Secret;
  pools: readonly string[];
  concurrency: number;
  tools: Tools;
  logger: Logger;
  metrics: Metrics;
}

/** A part of a process: what keeps it from being ready (empty when nothing does), and how it ends. */
export interface Service {
  problems(): readonly string[];
  close(): Promise<void>;
}

/** Connects to Redis and takes jobs until closed. */
export async function startWorkerService(options: WorkerServiceOptions): Promise<Service> {
  const { config, logger, metrics, tools } = options;
  const clock = (): Date => new Date();
  const throttle = createThrottle({ clock, interval: 5_000 });
  const redis = connectRedis({
    url: options.redisUrl,
    role: 'worker',
    onError: (error) =>
      throttle(error.message, (repeated) =>
        logger.warn('Redis cannot be reached; runs go on, new jobs wait', { error, repeated }),
      ),
  });
  await redis.connect().catch(() => undefined);
  const worker = await startWorker({
    context: {
      config,
      resources: createResources({ config, tools }),
      redis,
      logger,
      metrics,
      redactText: createRedactor(config.secrets).text,
      clock,
      random: Math.random,
      wait: (milliseconds, signal) => wait(milliseconds, undefined, { signal }),
    },
    pools: options.pools,
    concurrency: options.concurrency,
  });
  return {
    problems: () => [
      ...(redis.status === 'ready' ? [] : [`Redis: ${redis.status}`]),
      ...(worker.isRunning() ? [] : ['the worker does not take jobs']),
    ],
    close: async () => {
      await worker.close();
      redis.disconnect();
    },
  };
}
