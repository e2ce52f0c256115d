import { BackupDataError } from '../../../shared/errors.ts';
import type { CopyResult } from '../../../shared/queues/payloads.ts';
import { locateForCopy } from '../../operations/copy.ts';
import { unreadWarnings } from '../../operations/unread.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { followJob } from '../follow-job.ts';
import { withOperations } from '../operations.ts';
import { startMeter } from '../output/meter.ts';
import { createProgressPrinter } from '../output/progress.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  to: string;
  storage: string | undefined;
  here: boolean;
}

export const copyVerb = verb<Options>({
  command: 'copy <backup>',
  remote: true,
  describe: 'Copy a backup to another storage',
  exits: {
    1: 'failed; another manifest of that id is there, or the bytes are damaged',
    3: 'no such backup or storage',
    4: 'the storage belongs to another installation',
    5: 'Redis or a storage cannot be reached',
  },
  builder: (parser) =>
    parser
      .positional('backup', backupArgument)
      .option('to', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'The storage that gets the copy',
      })
      .option('storage', { type: 'string', requiresArg: true, describe: 'Read it from this storage' })
      .option('here', { type: 'boolean', default: false, describe: 'In this process, without Redis' })
      .example('$0 copy shop --to offsite', 'The latest backup of `shop`, to the storage `offsite`'),
  run,
});

async function run(context: CliContext, options: Options): Promise<number> {
  const { to } = options;
  const { backupId, bytes } = options.here
    ? await copyHere(context, options)
    : await copyByWorker(context, options);
  const text = bytes === 0 ? `${backupId} was in ${to} already` : `${backupId} copied to ${to}`;
  context.print({ document: { backupId, storage: to, bytes }, text });
  return 0;
}

/** Stored bytes of the volumes that were missing there; 0 when all were there already. */
type Copied = Pick<CopyResult, 'backupId' | 'bytes'>;

async function copyHere(context: CliContext, options: Options): Promise<Copied> {
  const { copy } = await import('../../../pipeline/copy.ts');
  const { findBackup } = await import('../../../pipeline/catalog/find.ts');
  const [config, resources] = [await context.config(), await context.resources()];
  const { signal, clock, wait } = context;
  const located = await locateForCopy({ ...options, config, resources, signal });
  for (const warning of unreadWarnings(located, clock())) context.say(`warning: ${warning}`);
  const to = await resources.storage(options.to);
  const { backupId, bytes: expectedBytes } = located.manifest;
  const from = [located.storage, ...located.others.filter((each) => each !== to)];
  const source = await findBackup({ storages: from, backupId, signal });
  if (!source) throw new BackupDataError('BACKUP_NOT_FOUND', `${backupId} was removed a moment ago`);
  const { installation } = config;
  const shared = resources.isShared(to.name);
  const meter = startMeter(context, { name: backupId, expectedBytes });
  meter.phase('copy');
  // A worker may be copying the same backup: what this copy leaves when it fails is for the sweep.
  const isAlone = async (): Promise<boolean> => false;
  const request = {
    source,
    from,
    to,
    installation,
    shared,
    signal,
    clock,
    wait,
    isAlone,
    onBytes: meter.bytes,
  };
  const { bytes, notes } = await copy(request).finally(meter.done);
  for (const note of notes) context.say(`note: ${note}`);
  return { backupId, bytes };
}

async function copyByWorker(context: CliContext, { backup, to, storage }: Options): Promise<Copied> {
  const printer = createProgressPrinter(context);
  return withOperations(context, async (service) => {
    const { operations, call } = service;
    const { jobId, as, backupId, warnings } = await operations.copy({ backup, to, storage }, call);
    for (const warning of warnings) context.say(`warning: ${warning}`);
    if (as === 'joined') context.say('this copy waits or is being made already');
    const job = { jobId, name: backupId, printer };
    const { bytes } = (await followJob(context, service, job).finally(printer.done)) as CopyResult;
    return { backupId, bytes };
  });
}
