import type { Config } from './config/schema.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { Secret } from './secret.ts';

/** A part of a process that runs until it is closed. */
export interface Service {
  /** Resolves once it does its work for the first time; a service whose Redis is away waits for it. */
  ready: Promise<void>;
  /** What keeps it from doing its work; empty when nothing does. */
  problems(): readonly string[];
  close(): Promise<void>;
}

/** What a worker is started with. Producer and worker never import each other; the command line is handed a starter of this form. */
export interface WorkerServiceOptions {
  config: Config;
  redisUrl: Secret;
  /** The pools whose jobs it takes; asked again for every configuration that it takes. */
  pools: (config: Config) => readonly string[];
  /** Backups at once. */
  concurrency: number;
  /** Where native tools are looked for, and the home that they are given. */
  toolEnvironment: { path: string; home: string | undefined };
  logger: Logger;
  metrics: Metrics;
}

export interface WorkerService extends Service {
  /** Jobs that start from now on have this configuration; one that runs keeps that which it began with. */
  reload(config: Config): void;
}

export type StartWorkerService = (options: WorkerServiceOptions) => Promise<WorkerService>;
