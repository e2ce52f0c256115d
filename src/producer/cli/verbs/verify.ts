import { findDatabase } from '../../../shared/config/servers.ts';
import type { VerifyResult } from '../../../shared/queues/payloads.ts';
import { type VerifyLevel, verifyLevels } from '../../../shared/verification.ts';
import { drillTargetOf, refuseIdleTarget } from '../../operations/drill-target.ts';
import { locateBackup } from '../../operations/locate.ts';
import { unreadWarnings } from '../../operations/unread.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { followJob } from '../follow-job.ts';
import { withOperations } from '../operations.ts';
import { startMeter } from '../output/meter.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  level: VerifyLevel;
  target: string | undefined;
  storage: string | undefined;
  here: boolean;
}

export const verifyVerb = verb<Options>({
  command: 'verify <backup>',
  remote: true,
  describe: 'Prove that a backup is whole, and record the outcome',
  exits: {
    0: 'proven',
    1: 'the backup is bad, which is recorded; or a restore failed for another reason',
    3: 'no such backup, storage or target',
    5: "unavailable (Redis, the storage, or the drill's server); nothing is recorded",
  },
  builder: (parser) =>
    parser
      .positional('backup', backupArgument)
      .option('level', {
        choices: verifyLevels,
        default: 'decode' as const,
        describe:
          "checksum: every byte hashed; decode: read in full by the engine's own tool; restore: a drill, restored into a scratch database",
      })
      .option('target', {
        type: 'string',
        requiresArg: true,
        describe: 'For level restore: the configured database whose server is used (verify.target)',
      })
      .option('storage', { type: 'string', requiresArg: true, describe: 'Look only in this storage' })
      .option('here', { type: 'boolean', default: false, describe: 'In this process, without Redis' })
      .example('$0 verify shop', 'Prove the latest backup of `shop`')
      .example(
        '$0 verify shop --level restore --target lab',
        'Restore it on the server of `lab`, and drop it',
      ),
  run,
});

async function run(context: CliContext, options: Options): Promise<number> {
  const { level, here } = options;
  const { backupId, seconds } = here
    ? await verifyHere(context, options)
    : await verifyByWorker(context, options);
  context.print({
    document: { backupId, level, outcome: 'ok', seconds },
    text: `${backupId}  ${level} ok  ${seconds}s`,
  });
  return 0;
}

interface Proven {
  backupId: string;
  seconds: number;
}

async function verifyHere(context: CliContext, options: Options): Promise<Proven> {
  const { backup, level, storage: only } = options;
  const [config, resources] = [await context.config(), await context.resources()];
  const { signal } = context;
  refuseIdleTarget(options);
  const located = await locateBackup({ resources, config, backup, storage: only, signal });
  for (const warning of unreadWarnings(located, context.clock())) context.say(`warning: ${warning}`);
  const { manifest, storage } = located;
  const name = drillTargetOf({ level, target: options.target, config, manifest });
  const target = name === undefined ? null : resources.database(name);
  const { drillOn } = await import('../../../pipeline/drill.ts');
  const { verify } = await import('../../../pipeline/verify.ts');
  const database = findDatabase(config, manifest.database);
  const engine = await resources.engine(manifest.engine.name);
  const codecs = level === 'checksum' ? [] : await resources.codecsOf(manifest);
  const meter = startMeter(context, { name: manifest.backupId, expectedBytes: manifest.bytes });
  meter.phase('verify');
  const { seconds } = await verify({
    manifest,
    level,
    storage,
    engine,
    codecs,
    context: resources.context(context.signal),
    clock: context.clock,
    onBytes: meter.bytes,
    database,
    drill: drillOn(target, database, meter.phase),
  }).finally(meter.done);
  return { backupId: manifest.backupId, seconds };
}

async function verifyByWorker(
  context: CliContext,
  { backup, level, target, storage }: Options,
): Promise<Proven> {
  const { createProgressPrinter } = await import('../output/progress.ts');
  const printer = createProgressPrinter(context);
  return withOperations(context, async (service) => {
    const { operations, call } = service;
    const { jobId, backupId, warnings } = await operations.verify({ backup, level, target, storage }, call);
    for (const warning of warnings) context.say(`warning: ${warning}`);
    const job = { jobId, name: backupId, printer };
    const { seconds } = (await followJob(context, service, job).finally(printer.done)) as VerifyResult;
    return { backupId, seconds };
  });
}
