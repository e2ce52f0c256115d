import type { Storage } from '../../../pipeline/storage/storage.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { CopyResult } from '../../../shared/queues/payloads.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { type LocatedBackup, locateBackup } from '../locate.ts';
import { startMeter } from '../output/meter.ts';
import { unreadWarnings } from '../unread.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  to: string;
  storage: string | undefined;
  here: boolean;
}

export const copyVerb = verb<Options>({
  command: 'copy <backup>',
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

async function run(context: CliContext, { backup, to, storage, here }: Options): Promise<number> {
  const [config, resources] = [await context.config(), await context.resources()];
  const target = await resources.storage(to);
  const located = await locateBackup({ resources, config, backup, storage, signal: context.signal });
  for (const warning of unreadWarnings(located, context.clock())) context.say(`warning: ${warning}`);
  if (located.storage === target)
    throw new BackupDataError('USAGE', `${located.manifest.backupId} is in storage ${to} already`, {
      hint: 'To copy it from another storage, name that one with --storage.',
    });
  const { backupId } = located.manifest;
  const bytes = here
    ? await copyHere(context, located, target)
    : await copyByWorker(context, located, target.name);
  const text = bytes === 0 ? `${backupId} was in ${to} already` : `${backupId} copied to ${to}`;
  context.print({ document: { backupId, storage: to, bytes }, text });
  return 0;
}

/** Stored bytes of the volumes that were missing there; 0 when all were there already. */
async function copyHere(context: CliContext, located: LocatedBackup, to: Storage): Promise<number> {
  const { copy } = await import('../../../pipeline/copy.ts');
  const { findBackup } = await import('../../../pipeline/catalog/find.ts');
  const { signal, clock, wait } = context;
  const { backupId, bytes: expectedBytes } = located.manifest;
  const from = [located.storage, ...located.others.filter((each) => each !== to)];
  const source = await findBackup({ storages: from, backupId, signal });
  if (!source) throw new BackupDataError('BACKUP_NOT_FOUND', `${backupId} was removed a moment ago`);
  const { installation } = await context.config();
  const shared = (await context.resources()).isShared(to.name);
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
  return bytes;
}

async function copyByWorker(
  context: CliContext,
  { manifest, storage }: LocatedBackup,
  to: string,
): Promise<number> {
  const { maintain } = await import('../maintain.ts');
  const { backupId, database } = manifest;
  const result = await maintain(context, manifest, async (client, pool) => {
    const { jobId, as } = await client.copy({ backupId, database, from: storage.name, to }, pool);
    if (as === 'joined') context.say('this copy waits or is being made already');
    return jobId;
  });
  return (result as CopyResult).bytes;
}
