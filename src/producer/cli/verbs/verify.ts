import { drillPlaceOf } from '../../../shared/config/drill-places.ts';
import type { Config, DatabaseConfig } from '../../../shared/config/schema.ts';
import { findDatabase } from '../../../shared/config/servers.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { sourceFingerprint } from '../../../shared/fingerprint.ts';
import type { VerifyResult } from '../../../shared/queues/payloads.ts';
import { type VerifyLevel, verifyLevels } from '../../../shared/verification.ts';
import { backupArgument } from '../backup-argument.ts';
import type { CliContext } from '../context.ts';
import { type LocatedBackup, locateBackup } from '../locate.ts';
import { startMeter } from '../output/meter.ts';
import { unreadWarnings } from '../unread.ts';
import { verb } from '../verb.ts';

interface Options {
  backup: string;
  level: VerifyLevel;
  target: string | undefined;
  storage: string | undefined;
  here: boolean;
}

/** What to prove, how far, and for level restore on whose server. */
interface Wanted {
  located: LocatedBackup;
  level: VerifyLevel;
  target: DatabaseConfig | null;
}

export const verifyVerb = verb<Options>({
  command: 'verify <backup>',
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
  const { backup, level, storage, here } = options;
  const [config, resources] = [await context.config(), await context.resources()];
  refuseIdleTarget(options);
  const located = await locateBackup({ resources, config, backup, storage, signal: context.signal });
  for (const warning of unreadWarnings(located, context.clock())) context.say(`warning: ${warning}`);
  const name = targetName(options, config, located);
  const wanted = { located, level, target: name === undefined ? null : resources.database(name) };
  const { seconds } = here ? await verifyHere(context, wanted) : await verifyByWorker(context, wanted);
  const { backupId } = located.manifest;
  context.print({
    document: { backupId, level, outcome: 'ok', seconds },
    text: `${backupId}  ${level} ok  ${seconds}s`,
  });
  return 0;
}

function refuseIdleTarget({ level, target }: Options): void {
  if (target === undefined || level === 'restore') return;
  throw new BackupDataError('USAGE', `--target is for level restore; level ${level} restores nothing`, {
    hint: 'Leave it out, or ask for --level restore.',
  });
}

/** USAGE where a drill has no server to be held on: it is never the source's by default. */
function targetName(
  { level, target }: Options,
  config: Config,
  { manifest: { database, engine } }: LocatedBackup,
): string | undefined {
  if (level !== 'restore') return undefined;
  if (drillPlaceOf(engine.name) !== 'on a server') return refuseTarget(engine.name, target);
  const name = target ?? findDatabase(config, database)?.verify.target;
  if (name !== undefined) return name;
  throw new BackupDataError(
    'USAGE',
    `level restore needs a server to restore to, and verify.target of "${database}" names none`,
    { hint: 'Name a configured database whose server may be used: --target NAME.' },
  );
}

function refuseTarget(engine: string, target: string | undefined): undefined {
  if (target === undefined) return undefined;
  throw new BackupDataError('USAGE', `--target names a server, and a backup of ${engine} needs none`, {
    hint: 'Leave it out.',
  });
}

async function verifyHere(
  context: CliContext,
  { located: { manifest, storage }, level, target }: Wanted,
): Promise<{ seconds: number }> {
  const { drillOn } = await import('../../../pipeline/drill.ts');
  const { verify } = await import('../../../pipeline/verify.ts');
  const resources = await context.resources();
  const database = findDatabase(await context.config(), manifest.database);
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
    database,
    drill: drillOn(target, database, meter.phase),
  }).finally(meter.done);
}

async function verifyByWorker(
  context: CliContext,
  { located: { manifest, storage }, level, target }: Wanted,
): Promise<VerifyResult> {
  const { maintain } = await import('../maintain.ts');
  const { backupId, database } = manifest;
  const drill = target && { database: target.name, source: sourceFingerprint(target) };
  const request = { backupId, storage: storage.name, database, level, target: drill, followUp: false };
  // A drill is for a worker that reaches its server.
  const result = await maintain(context, { backupId, database, pool: target?.pool }, (client, pool) =>
    client.verify(request, pool),
  );
  return result as VerifyResult;
}
