import { setTimeout as wait } from 'node:timers/promises';
import { createTools } from '../pipeline/process/tools.ts';
import { createResources } from '../pipeline/resources.ts';
import type { Config } from '../shared/config/schema.ts';
import { redactorOf } from '../shared/redact.ts';
import { connectRedis } from '../shared/redis.ts';
import { watchRedis } from '../shared/redis-watch.ts';
import type { WorkerService, WorkerServiceOptions } from '../shared/service.ts';
import { createThrottle } from '../shared/throttle.ts';
import { type Configured, startWorker } from './worker.ts';

/** Connects to Redis and takes jobs until closed. */
export function startWorkerService(options: WorkerServiceOptions): WorkerService {
  const { logger, metrics } = options;
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
  const watch = watchRedis({ redis, installation: options.config.installation });
  const worker = startWorker({
    context: {
      ...configured(options.config, options),
      redis,
      logger,
      metrics,
      clock,
      random: Math.random,
      wait: (milliseconds, signal) => wait(milliseconds, undefined, { signal }),
    },
    pools: options.pools,
    concurrency: options.concurrency,
  });
  return {
    ready: worker.ready,
    problems: () => [...watch.problems(), ...(worker.isRunning() ? [] : ['the worker does not take jobs'])],
    reload: (config) => worker.reload(configured(config, options)),
    close: async () => {
      await worker.close();
      watch.stop();
      redis.disconnect();
    },
  };
}

function configured(
  config: Config,
  { toolEnvironment }: Pick<WorkerServiceOptions, 'toolEnvironment'>,
): Configured {
  const tools = createTools({ ...toolEnvironment, only: config.toolPath });
  return {
    config,
    resources: createResources({ config, tools }),
    redactText: redactorOf(config.secrets).text,
  };
}
