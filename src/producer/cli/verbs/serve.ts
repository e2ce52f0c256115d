import { withReleases } from '../../../shared/lifecycle.ts';
import { findRedisUrl } from '../redis-url.ts';
import { openServer, untilStopped } from '../server.ts';
import { verb } from '../verb.ts';

export const serveVerb = verb<object>({
  command: 'serve',
  describe: 'Run the producer: API, console of the queues, schedules, health and metrics',
  hearsHangUps: true,
  builder: (parser) => parser,
  run: (context) =>
    withReleases(async (releases) => {
      const redisUrl = await findRedisUrl(context);
      const server = await openServer(context, releases);
      const producer = await server.startProducer({ redisUrl });
      const metrics = await server.startTelemetry({ defaultPort: 9090, services: [producer] });
      server.followConfig();
      await Promise.race([producer.ready, untilStopped(context.signal)]);
      if (!context.signal.aborted) server.logger.info('producer ready', { ...producer.faces, metrics });
      await untilStopped(context.signal);
      return 0;
    }),
});
