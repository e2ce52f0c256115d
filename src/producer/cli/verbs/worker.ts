import { withReleases } from '../../../shared/lifecycle.ts';
import { defaultPool, parsePools } from '../../../shared/queues/names.ts';
import { findRedisUrl } from '../redis-url.ts';
import { defaultConcurrency, openTelemetry, serverParts, untilStopped } from '../server.ts';
import { verb } from '../verb.ts';

interface Options {
  pool: string;
  concurrency: number;
}

export const workerVerb = verb<Options>({
  command: 'worker',
  describe: 'Take jobs from the queues until stopped',
  builder: (parser) =>
    parser
      .option('pool', {
        type: 'string',
        default: defaultPool,
        requiresArg: true,
        describe: 'Take only the jobs of these pools: NAME,..',
      })
      .option('concurrency', {
        type: 'number',
        default: defaultConcurrency(),
        defaultDescription: 'cores',
        requiresArg: true,
        describe: 'Backups at once',
      })
      .example('$0 worker --pool eu,default', 'Take the jobs of two pools'),
  run: (context, options) =>
    withReleases(async (releases) => {
      const [config, redisUrl, tools] = [
        await context.config(),
        await findRedisUrl(context),
        await context.tools(),
      ];
      const { logger, metrics } = await serverParts(context);
      const { concurrency } = options;
      const pools = parsePools(options.pool);
      const worker = await context.host.startWorkerService({
        config,
        redisUrl,
        pools,
        concurrency,
        tools,
        logger,
        metrics,
      });
      releases.push(worker.close);
      const url = await openTelemetry(context, {
        metrics,
        defaultPort: 9091,
        problems: worker.problems,
        releases,
      });
      logger.info('worker ready', { pools, concurrency, metrics: url });
      await untilStopped(context.signal);
      logger.info('worker stopping', { drain: config.timeouts.drain });
      return 0;
    }),
});
