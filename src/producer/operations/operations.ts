import { asBackupDataError, BackupDataError } from '../../shared/errors.ts';
import { createRedactor } from '../../shared/redact.ts';
import type { OperationsContext } from './context.ts';
import type { Call, OperationName, Operations, RequestOf, ResponseOf } from './contract.ts';

type Implementation<Name extends OperationName> = (
  context: OperationsContext,
  request: RequestOf<Name>,
  call: Call,
) => Promise<ResponseOf<Name>>;

/** Where each is. What it needs is loaded when it is first asked for: start-up time counts. */
const implementations: { [Name in OperationName]: () => Promise<Implementation<Name>> } = {
  listDatabases: async () => (await import('./databases.ts')).listDatabases,
  listBackups: async () => (await import('./list.ts')).listBackups,
  showBackup: async () => (await import('./show.ts')).showBackup,
  pinBackup: async () => (await import('./pin.ts')).pinBackup,
  unpinBackup: async () => (await import('./pin.ts')).unpinBackup,
  backup: async () => (await import('./backup.ts')).startBackup,
  restore: async () => (await import('./restore.ts')).startRestore,
  verify: async () => (await import('./verify.ts')).startVerify,
  copy: async () => (await import('./copy.ts')).startCopy,
  previewPrune: async () => (await import('./prune.ts')).previewPrune,
  prune: async () => (await import('./prune.ts')).startPrune,
  listSchedules: async () => (await import('./schedules.ts')).listSchedules,
  runSchedule: async () => (await import('./schedules.ts')).runSchedule,
  pauseSchedule: async () => (await import('./schedules.ts')).pauseSchedule,
  resumeSchedule: async () => (await import('./schedules.ts')).resumeSchedule,
  listJobs: async () => (await import('./jobs.ts')).listJobs,
  showJob: async () => (await import('./jobs.ts')).showJob,
  cancelJob: async () => (await import('./jobs.ts')).cancelJob,
  retryJob: async () => (await import('./jobs.ts')).retryJob,
};

/** The operations as this process does them itself. */
export function createOperations(context: OperationsContext): Operations {
  const operations = Object.entries(implementations).map(([name, load]) => [
    name,
    async (request: never, call: Call): Promise<unknown> => {
      try {
        return await (await load())(context, request, call);
      } catch (error) {
        throw explain(context, error, call);
      }
    },
  ]);
  return {
    ...(Object.fromEntries(operations) as Omit<Operations, 'follow'>),
    follow: async function* (request, call) {
      try {
        const { followJob } = await import('./follow.ts');
        yield* followJob(context, request, call);
      } catch (error) {
        throw explain(context, error, call);
      }
    },
  };
}

/** A failure says that Redis went away where it did, and quotes no secret of the configuration. */
function explain({ queues, current }: OperationsContext, thrown: unknown, { signal }: Call): unknown {
  const error = queues?.explain(thrown) ?? thrown;
  if (signal.aborted && !(error instanceof BackupDataError)) return error;
  const { text } = createRedactor(current().config.secrets);
  const { code, message, hint } = asBackupDataError(error);
  return new BackupDataError(code, text(message), {
    ...(hint !== null && { hint: text(hint) }),
    cause: thrown,
  });
}
