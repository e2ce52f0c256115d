import type { VerifyResult } from '../../../shared/queues/payloads.ts';
import { type VerifyLevel, verifyLevels } from '../../../shared/verification.ts';
import type { CliContext } from '../context.ts';
import { type LocatedBackup, locateBackup } from '../locate.ts';
import { startMeter } from '../output/meter.ts';
import { createProgressPrinter } from '../output/progress.ts';
import { maintenancePool } from '../pool.ts';
import { unreadWarnings } from '../unread.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  level: VerifyLevel;
  storage: string | undefined;
  here: boolean;
}

export const verifyVerb = verb<Options>({
  command: 'verify <backup>',
  describe: 'Prove that a backup is whole, and record the outcome',
  builder: (parser) =>
    parser
      .positional('backup', {
        type: 'string',
        demandOption: true,
        describe: "A backup id, or a database's name for its latest",
      })
      .option('level', {
        choices: verifyLevels,
        default: 'decode' as const,
        describe: "checksum: every byte hashed; decode: read in full by the engine's own tool",
      })
      .option('storage', { type: 'string', describe: 'Look only in this storage' })
      .option('here', { type: 'boolean', default: false, describe: 'In this process, without Redis' })
      .example('$0 verify shop', 'Prove the latest backup of `shop`'),
  run,
});

async function run(context: CliContext, { backup, level, storage, here }: Options): Promise<number> {
  const [config, resources] = [await context.config(), await context.resources()];
  const located = await locateBackup({ resources, config, backup, storage, signal: context.signal });
  for (const warning of unreadWarnings(located, context.clock())) context.say(`warning: ${warning}`);
  const { seconds } = here
    ? await verifyHere(context, located, level)
    : await verifyByWorker(context, located, level);
  const { backupId } = located.manifest;
  context.print({
    document: { backupId, level, outcome: 'ok', seconds },
    text: `${backupId}  ${level} ok  ${seconds}s`,
  });
  return 0;
}

async function verifyHere(
  context: CliContext,
  { manifest, storage }: LocatedBackup,
  level: VerifyLevel,
): Promise<{ seconds: number }> {
  const { verify } = await import('../../../pipeline/verify.ts');
  const resources = await context.resources();
  const engine = await resources.engine(manifest.engine.name);
  const codecs = level === 'checksum' ? [] : await resources.codecsOf(manifest);
  const meter = startMeter(context, { name: manifest.backupId, expectedBytes: manifest.bytes });
  meter.phase('verify');
  return verify({
    manifest,
    level,
    storage,
    engine,
    codecs,
    context: resources.context(context.signal),
    clock: context.clock,
    onBytes: meter.bytes,
  }).finally(meter.done);
}

async function verifyByWorker(
  context: CliContext,
  { manifest, storage }: LocatedBackup,
  level: VerifyLevel,
): Promise<VerifyResult> {
  const { withClient } = await import('../../client/open.ts');
  const { findRedisUrl } = await import('../redis-url.ts');
  const { followJob } = await import('../follow-job.ts');
  const config = await context.config();
  const { backupId, database } = manifest;
  const pool = maintenancePool(config, database);
  const printer = createProgressPrinter(context);
  return withClient({ config, redisUrl: await findRedisUrl(context) }, async ({ client, redis }) => {
    const jobId = await client.verify(
      { backupId, storage: storage.name, database, level, target: null, followUp: false },
      pool,
    );
    const queue = client.queue('maintenance', pool);
    const job = { redis, installation: config.installation, queue, jobId, name: backupId, printer };
    return (await followJob(context, job).finally(printer.done)) as VerifyResult;
  });
}
