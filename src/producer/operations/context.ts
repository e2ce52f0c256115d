import type { ManifestCache } from '../../pipeline/catalog/manifest-cache.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { QueueAccess, QueueSession } from '../client/open.ts';
import type { Current } from '../current.ts';

/** What the operations work with. */
export interface OperationsContext {
  current: Current;
  /** Null where nothing may be asked of Redis. */
  queues: Pick<QueueAccess, 'session' | 'explain'> | null;
  /** For lists of backups; every manifest is read from its storage without one. */
  cache: ManifestCache | undefined;
  clock: () => Date;
  wait: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** The queues. REDIS_UNAVAILABLE where they cannot be reached, or may not be. */
export async function sessionOf({ queues }: OperationsContext): Promise<QueueSession> {
  if (queues) return queues.session();
  throw new BackupDataError('REDIS_UNAVAILABLE', 'this process works without Redis (--here)');
}
