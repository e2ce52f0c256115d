import { aboutNothing, type RunEvent } from '../../src/shared/queues/run-event.ts';

/** A failure of a run of `shop`, with every part that such an event may have; `changes` make the case. */
export function sampleEvent(changes: Partial<RunEvent> = {}): RunEvent {
  return {
    version: 1,
    id: 'failure-shop-20260102T030405Z-abc234',
    kind: 'failure',
    at: '2026-01-02T03:09:05.000Z',
    installation: 'default',
    database: 'shop',
    server: 'db.example.com:5432',
    ...aboutNothing,
    job: { id: 'shop-20260102T030405Z-abc234', name: 'backup', attempt: 6, attempts: 6 },
    cause: { code: 'DUMP_FAILED', message: 'pg_dump ended with 1', hint: 'Read the log of the run.' },
    nextRun: '2026-01-03T03:00:00.000Z',
    link: 'https://backups.example.com/queues',
    ...changes,
  };
}

/** A backup as an event tells of it. */
export const sampleBackup: NonNullable<RunEvent['backup']> = {
  id: 'shop-20260102T030405Z-abc234',
  bytes: 1_150_000,
  previousBytes: 1_000_000,
  durationMs: 252_000,
  storage: 'main',
  copies: ['offsite'],
  notes: [],
};
