import { withReleases } from '../../../shared/lifecycle.ts';
import { findRedisUrl } from '../redis-url.ts';
import { openTelemetry, serverParts, untilStopped } from '../server.ts';
import { verb } from '../verb.ts';

export const serveVerb = verb<object>({
  command: 'serve',
  describe: 'Run the producer: the console of the queues, health and metrics',
  builder: (parser) => parser,
  run: (context) =>
    withReleases(async (releases) => {
      const [config, redisUrl, environment] = [
        await context.config(),
        await findRedisUrl(context),
        await context.environment(),
      ];
      const { logger, metrics } = await serverParts(context);
      const { startProducerService } = await import('../../service.ts');
      const producer = await startProducerService({
        config,
        redisUrl,
        host: environment.host,
        port: environment.port,
        logger,
      });
      releases.push(producer.close);
      const url = await openTelemetry(context, {
        metrics,
        defaultPort: 9090,
        problems: producer.problems,
        releases,
      });
      logger.info('producer ready', { http: producer.url, metrics: url });
      await untilStopped(context.signal);
      return 0;
    }),
});
