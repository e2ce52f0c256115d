import { availableParallelism } from 'node:os';
import type { ReleaseStack } from '../../shared/lifecycle.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { CliContext } from './context.ts';

/** What `up`, `serve` and `worker` have in common. */
export interface ServerParts {
  logger: Logger;
  metrics: Metrics;
}

export async function serverParts(context: CliContext): Promise<ServerParts> {
  const [{ createLogger }, { createMetrics }] = await Promise.all([
    import('../../shared/logger.ts'),
    import('../../shared/metrics.ts'),
  ]);
  const [environment, config] = [await context.environment(), await context.config()];
  const format = environment.logFormat ?? (context.host.stderr.isTTY === true ? 'pretty' : 'json');
  const secrets = [
    ...config.secrets,
    ...(environment.redisUrl
      ? [environment.redisUrl.reveal(), new URL(environment.redisUrl.reveal()).password]
      : []),
  ];
  const logger = createLogger({
    level: environment.logLevel,
    format,
    secrets: secrets.filter((each) => each.length >= 4),
    destination: context.host.stderr,
  });
  return { logger, metrics: createMetrics() };
}

export async function openTelemetry(
  context: CliContext,
  options: {
    metrics: Metrics;
    defaultPort: number;
    problems: () => readonly string[];
    releases: ReleaseStack;
  },
): Promise<string> {
  const { startTelemetry } = await import('../../shared/telemetry.ts');
  const { host, metricsPort } = await context.environment();
  const telemetry = await startTelemetry({
    host,
    port: metricsPort ?? options.defaultPort,
    registry: options.metrics.registry,
    problems: options.problems,
  });
  options.releases.push(telemetry.close);
  return telemetry.url;
}

/** Resolves when the process is told to stop. */
export async function untilStopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Backups at once where nothing is said: one for each core that this process may use. */
export function defaultConcurrency(): number {
  return availableParallelism();
}
