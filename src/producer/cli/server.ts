import { availableParallelism } from 'node:os';
import type { Environment } from '../../shared/config/environment.ts';
import type { Config } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { ReleaseStack } from '../../shared/lifecycle.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Secret } from '../../shared/secret.ts';
import type { Service } from '../../shared/service.ts';
import type { ProducerService } from '../service.ts';
import type { CliContext } from './context.ts';

/** What `up`, `serve` and `worker` are made of; whatever they start is closed with `releases`. */
export interface Server {
  config: Config;
  environment: Environment;
  logger: Logger;
  metrics: Metrics;
  startProducer(redisUrl: Secret): Promise<ProducerService>;
  startWorker(options: { redisUrl: Secret; pools: readonly string[]; concurrency: number }): Promise<Service>;
  /** Health and metrics of the services; gives the address. */
  startTelemetry(options: { defaultPort: number; services: readonly Service[] }): Promise<string>;
}

export async function openServer(context: CliContext, releases: ReleaseStack): Promise<Server> {
  const [config, environment] = [await context.config(), await context.environment()];
  const { createMetrics } = await import('../../shared/metrics.ts');
  const [logger, metrics] = [await openLogger(context, config, environment), createMetrics()];
  const { host, port, metricsPort } = environment;
  const keep = <T extends { close(): Promise<void> }>(service: T): T => {
    releases.push(service.close);
    return service;
  };
  return {
    config,
    environment,
    logger,
    metrics,
    startProducer: async (redisUrl) => {
      const { startProducerService } = await import('../service.ts');
      const resources = await context.resources();
      const loaded = { config, resources };
      return keep(await startProducerService({ loaded, redisUrl, host, port, logger }));
    },
    startWorker: async (options) => {
      const { PATH: path = '', HOME: home } = context.host.env;
      const toolEnvironment = { path, home };
      return keep(
        await context.host.startWorkerService({ ...options, config, toolEnvironment, logger, metrics }),
      );
    },
    startTelemetry: async ({ defaultPort, services }) => {
      const { startTelemetry } = await import('../../shared/telemetry.ts');
      const problems = (): string[] => services.flatMap((service) => service.problems());
      const { registry } = metrics;
      return keep(await startTelemetry({ host, port: metricsPort ?? defaultPort, registry, problems })).url;
    },
  };
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

/** Reads `--concurrency`. Throws USAGE. */
export function positiveInteger(value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new BackupDataError('USAGE', '--concurrency takes a whole number above 0', {
    hint: 'Leave it out to use one for each core.',
  });
}

async function openLogger({ host }: CliContext, config: Config, environment: Environment): Promise<Logger> {
  const { createLogger } = await import('../../shared/logger.ts');
  const { logLevel: level, logFormat, redisUrl } = environment;
  const format = logFormat ?? (host.stderr.isTTY === true ? 'pretty' : 'json');
  const redisSecrets = redisUrl ? [redisUrl.reveal(), new URL(redisUrl.reveal()).password] : [];
  const secrets = [...config.secrets, ...redisSecrets.filter((secret) => secret.length >= 4)];
  return createLogger({ level, format, secrets, destination: host.stderr });
}
