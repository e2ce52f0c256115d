import { asBackupDataError, BackupDataError } from '../../shared/errors.ts';
import { createRedactor } from '../../shared/redact.ts';
import type { OperationsContext } from './context.ts';
import type { Operations } from './contract.ts';

/** The operations as this process does them itself. Each loads what it needs when it is first asked for: start-up time counts. */
export function createOperations(context: OperationsContext): Operations {
  const operations: Operations = {
    listDatabases: async (request, call) => {
      const { listDatabases } = await import('./databases.ts');
      return listDatabases(context, request, call);
    },
    listBackups: async (request, call) => {
      const { listBackups } = await import('./list.ts');
      return listBackups(context, request, call);
    },
    showBackup: async (request, call) => {
      const { showBackup } = await import('./show.ts');
      return showBackup(context, request, call);
    },
    pinBackup: async (request, call) => {
      const { pinBackup } = await import('./pin.ts');
      return pinBackup(context, request, call);
    },
    unpinBackup: async (request, call) => {
      const { unpinBackup } = await import('./pin.ts');
      return unpinBackup(context, request, call);
    },
    backup: async (request) => {
      const { startBackup } = await import('./backup.ts');
      return startBackup(context, request);
    },
    restore: async (request, call) => {
      const { startRestore } = await import('./restore.ts');
      return startRestore(context, request, call);
    },
    verify: async (request, call) => {
      const { startVerify } = await import('./verify.ts');
      return startVerify(context, request, call);
    },
    copy: async (request, call) => {
      const { startCopy } = await import('./copy.ts');
      return startCopy(context, request, call);
    },
    previewPrune: async (request, call) => {
      const { previewPrune } = await import('./prune.ts');
      return previewPrune(context, request, call);
    },
    prune: async (request, call) => {
      const { startPrune } = await import('./prune.ts');
      return startPrune(context, request, call);
    },
    listSchedules: async (request, call) => {
      const { listSchedules } = await import('./schedules.ts');
      return listSchedules(context, request, call);
    },
    runSchedule: async (request) => {
      const { runSchedule } = await import('./schedules.ts');
      return runSchedule(context, request);
    },
    pauseSchedule: async (request, call) => {
      const { pauseSchedule } = await import('./schedules.ts');
      return pauseSchedule(context, request, call);
    },
    resumeSchedule: async (request) => {
      const { resumeSchedule } = await import('./schedules.ts');
      return resumeSchedule(context, request);
    },
    listJobs: async (request, call) => {
      const { listJobs } = await import('./jobs.ts');
      return listJobs(context, request, call);
    },
    showJob: async (request) => {
      const { showJob } = await import('./jobs.ts');
      return showJob(context, request);
    },
    cancelJob: async (request, call) => {
      const { cancelJob } = await import('./jobs.ts');
      return cancelJob(context, request, call);
    },
    retryJob: async (request) => {
      const { retryJob } = await import('./jobs.ts');
      return retryJob(context, request);
    },
    follow: async function* (request, call) {
      const { followJob } = await import('./follow.ts');
      yield* followJob(context, request, call);
    },
  };
  return withExplainedErrors(context, operations);
}

/** A failure says that Redis went away where it did, and quotes no secret of the configuration. */
function withExplainedErrors(context: OperationsContext, operations: Operations): Operations {
  const explain = (thrown: unknown, signal: AbortSignal): unknown => {
    const error = context.queues?.explain(thrown) ?? thrown;
    if (signal.aborted && !(error instanceof BackupDataError)) return error;
    return redacted(error, context.current().config.secrets);
  };
  const { follow, ...others } = operations;
  const wrapped = Object.entries(others).map(([name, run]) => [
    name,
    async (request: never, call: Parameters<typeof follow>[1]): Promise<unknown> => {
      try {
        return await run(request, call);
      } catch (error) {
        throw explain(error, call.signal);
      }
    },
  ]);
  return {
    ...(Object.fromEntries(wrapped) as typeof others),
    follow: async function* (request, call) {
      try {
        yield* follow(request, call);
      } catch (error) {
        throw explain(error, call.signal);
      }
    },
  };
}

function redacted(thrown: unknown, secrets: readonly string[]): BackupDataError {
  const { text } = createRedactor(secrets);
  const { code, message, hint } = asBackupDataError(thrown);
  return new BackupDataError(code, text(message), {
    ...(hint !== null && { hint: text(hint) }),
    cause: thrown,
  });
}
