import type { EventEmitter } from 'node:events';
import { BackupDataError } from '../../../shared/errors.ts';
import { stopping } from './status.ts';

/** The calls that are being answered. */
export interface Calls {
  /**
   * Does what a call asks for, with a signal that tells when nobody waits for the answer any more, and when the server stops.
   * What fails then fails for that reason.
   */
  answer<T>(call: EventEmitter, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Ends all, and those that are yet to come. */
  stop(): void;
}

export function createCalls(): Calls {
  const ended = new AbortController();
  return {
    answer: async (call, work) => {
      const left = new AbortController();
      call.once('cancelled', () => left.abort(leftAlone()));
      const signal = AbortSignal.any([ended.signal, left.signal]);
      try {
        signal.throwIfAborted();
        return await work(signal);
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      }
    },
    stop: () => ended.abort(stopping()),
  };
}

/** Whether it was the caller who ended a call: by cancelling it, by a deadline, or by going away. */
export function isLeft({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof BackupDataError && reason.code === 'CANCELLED';
}

function leftAlone(): BackupDataError {
  return new BackupDataError('CANCELLED', 'the call was cancelled, or its deadline passed');
}
