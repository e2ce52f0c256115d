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
  /** Not there where signals are not this process's to handle. */
  hangUps?: HangUps;
  /** The worker's side, which the producer's folder may not import. */
  startWorkerService: StartWorkerService;
}

/** SIGHUP. It is held back until a command says what it is to do. */
export interface HangUps {
  /** Calls `listener` for each, also for those that came before. */
  listen(listener: () => void): void;
  /** From now on it ends the process, as it ends any other program; so does one that came before. */
  release(): void;
}

export type OutputStream = Writable & { isTTY?: boolean; columns?: number; fd?: number };
