import { setTimeout as wait } from 'node:timers/promises';
import { createTools } from '../pipeline/process/tools.ts';
import { createResources } from '../pipeline/resources.ts';
import { createRedactor } from '../shared/redact.ts';
import { connectRedis } from '../shared/redis.ts';
import type { Service, WorkerServiceOptions } from '../shared/service.ts';
import { createThrottle } from '../shared/throttle.ts';
import { startWorker } from './worker.ts';

/** Connects to Redis and takes jobs until closed. */
export function startWorkerService(options: WorkerServiceOptions): Service {
  const { config, logger, metrics, toolEnvironment } = options;
  const tools = createTools({ ...toolEnvironment, only: config.toolPath });
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
  // Its failure is told by the event; it tries again by itself.
  redis.connect().catch(() => undefined);
  const worker = startWorker({
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
    ready: worker.ready,
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
