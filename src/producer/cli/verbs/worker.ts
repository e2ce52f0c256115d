import { withReleases } from '../../../shared/lifecycle.ts';
import { defaultPool, parsePools } from '../../../shared/queues/names.ts';
import { findRedisUrl } from '../redis-url.ts';
import { defaultConcurrency, openServer, positiveInteger, untilStopped } from '../server.ts';
import { verb } from '../verb.ts';

interface Options {
  pool: string;
  concurrency: number;
}

export const workerVerb = verb<Options>({
  command: 'worker',
  describe: 'Take jobs from the queues until stopped',
  hearsHangUps: true,
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
      const concurrency = positiveInteger(options.concurrency);
      const pools = parsePools(options.pool);
      const redisUrl = await findRedisUrl(context);
      const server = await openServer(context, releases);
      const worker = await server.startWorker({ redisUrl, pools: () => pools, concurrency });
      const metrics = await server.startTelemetry({ defaultPort: 9091, services: [worker] });
      server.followConfig();
      await Promise.race([worker.ready, untilStopped(context.signal)]);
      if (!context.signal.aborted) server.logger.info('worker ready', { pools, concurrency, metrics });
      await untilStopped(context.signal);
      server.logger.info('worker stopping', { drain: server.config.timeouts.drain });
      return 0;
    }),
});
