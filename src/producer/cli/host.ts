import type { Writable } from 'node:stream';
import type { Tools } from '../../pipeline/process/tools.ts';
import type { Config } from '../../shared/config/schema.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Secret } from '../../shared/secret.ts';

/** The process around a command: passed in, so that a test can be one. */
export interface Host {
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  stdout: OutputStream;
  stderr: OutputStream;
  /** Aborted by SIGINT or SIGTERM; its reason is the signal's name. */
  signal: AbortSignal;
  /** The worker's side, which the producer's folder may not import. */
  startWorkerService: StartWorkerService;
}

export type OutputStream = Writable & { isTTY?: boolean; columns?: number };

/** What keeps a part of this process from being ready, and how it ends. */
export interface Service {
  problems(): readonly string[];
  close(): Promise<void>;
}

export type StartWorkerService = (options: {
  config: Config;
  redisUrl: Secret;
  pools: readonly string[];
  concurrency: number;
  tools: Tools;
  logger: Logger;
  metrics: Metrics;
}) => Promise<Service>;
