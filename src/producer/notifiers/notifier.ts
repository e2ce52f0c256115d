import type { RunEvent } from '../../shared/queues/run-event.ts';

/** One way to tell people, or another program, of what happened to a database. */
export interface Notifier {
  readonly name: string;
  /** Resolves once it was taken. Throws NOTIFICATION_FAILED, which is tried again, or NOTIFICATION_REFUSED, which is not. */
  notify(event: RunEvent, signal: AbortSignal): Promise<void>;
}
