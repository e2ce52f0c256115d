import { availableParallelism } from 'node:os';
import type { TokenConfig } from '../../shared/config/access-schema.ts';
import type { Environment } from '../../shared/config/environment.ts';
import type { Config } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { createKnownSecrets } from '../../shared/known-secrets.ts';
import type { ReleaseStack } from '../../shared/lifecycle.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Secret } from '../../shared/secret.ts';
import type { Service, WorkerServiceOptions } from '../../shared/service.ts';
import type { ProducerService } from '../service.ts';
import type { CliContext } from './context.ts';
import { followConfig } from './reload.ts';
import { readVersion } from './version.ts';

/** What `up`, `serve` and `worker` are made of; whatever they start is closed with `releases`. */
export interface Server {
  /** As it was last loaded. */
  readonly config: Config;
  environment: Environment;
  logger: Logger;
  metrics: Metrics;
  startProducer(options: {
    redisUrl: Secret;
    /** Counts while the configuration has no token. */
    firstToken?: TokenConfig;
  }): Promise<ProducerService>;
  startWorker(options: {
    redisUrl: Secret;
    pools: WorkerServiceOptions['pools'];
    concurrency: number;
  }): Promise<Service>;
  /** Health and metrics of the services; gives the address. */
  startTelemetry(options: { defaultPort: number; services: readonly Service[] }): Promise<string>;
  /** From now on the configuration is loaded anew on SIGHUP and when its files change, for what was started. */
  followConfig(): void;
}

export async function openServer(context: CliContext, releases: ReleaseStack): Promise<Server> {
  const [first, environment] = [await context.config(), await context.environment()];
  const files = await context.configFiles();
  let config = first;
  const { addBuildInfo, createMetrics } = await import('../../shared/metrics.ts');
  const secrets = createKnownSecrets(first.secrets, secretsOf(environment));
  const [logger, metrics] = [await openLogger(context, environment, secrets.all), createMetrics()];
  const { host, port, metricsPort, grpcPort } = environment;
  const ports = { http: port, grpc: grpcPort };
  const version = await readVersion();
  addBuildInfo(metrics.registry, version);
  const keep = <T extends { close(): Promise<void> }>(service: T): T => {
    releases.push(service.close);
    return service;
  };
  const takers: ((config: Config) => Promise<void>)[] = [];
  let tellReload: ProducerService['reloaded'] | undefined;
  return {
    get config() {
      return config;
    },
    environment,
    logger,
    metrics,
    startProducer: async ({ redisUrl, firstToken }) => {
      const { startProducerService } = await import('../service.ts');
      const resources = await context.resources();
      const loaded = { config, resources };
      const { registry } = metrics;
      const reached = { redisUrl, host, ports, firstToken, version };
      const producer = keep(await startProducerService({ loaded, ...reached, logger, registry }));
      takers.push(async (config) =>
        producer.reload({ config, resources: await context.resourcesOf(config) }),
      );
      tellReload = producer.reloaded;
      return producer;
    },
    startWorker: async (options) => {
      const { PATH: path = '', HOME: home } = context.host.env;
      const toolEnvironment = { path, home };
      const worker = keep(
        await context.host.startWorkerService({ ...options, config, toolEnvironment, logger, metrics }),
      );
      takers.push(async (config) => worker.reload(config));
      return worker;
    },
    startTelemetry: async ({ defaultPort, services }) => {
      const { startTelemetry } = await import('../../shared/telemetry.ts');
      const problems = (): string[] => services.flatMap((service) => service.problems());
      const { registry } = metrics;
      return keep(await startTelemetry({ host, port: metricsPort ?? defaultPort, registry, problems })).url;
    },
    followConfig: () => {
      const { host, signal, wait } = context;
      const closed = new AbortController();
      releases.push(() => closed.abort());
      const take = async (next: Config): Promise<void> => {
        config = next;
        for (const each of takers) await each(next);
      };
      void followConfig({
        ...{ files, first, logger, learn: secrets.learn, take, wait },
        hangUps: host.hangUps,
        onReload: (ok) => tellReload?.(ok),
        signal: AbortSignal.any([signal, closed.signal]),
      });
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

/** Of the address of Redis, which is no part of a configuration. */
function secretsOf({ redisUrl }: Environment): string[] {
  const secrets = redisUrl ? [redisUrl.reveal(), new URL(redisUrl.reveal()).password] : [];
  return secrets.filter((secret) => secret.length >= 4);
}

async function openLogger(
  { host }: CliContext,
  environment: Environment,
  secrets: () => readonly string[],
): Promise<Logger> {
  const { createLogger } = await import('../../shared/logger.ts');
  const { logLevel: level, logFormat } = environment;
  const format = logFormat ?? (host.stderr.isTTY === true ? 'pretty' : 'json');
  return createLogger({ level, format, secrets, destination: host.stderr });
}
