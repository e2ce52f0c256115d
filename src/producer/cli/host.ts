import type { Writable } from 'node:stream';
import type { StartWorkerService } from '../../shared/service.ts';

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

export type OutputStream = Writable & { isTTY?: boolean; columns?: number; fd?: number };
