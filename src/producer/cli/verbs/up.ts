import { mkdir } from 'node:fs/promises';
import type { Config } from '../../../shared/config/schema.ts';
import { configuredNames, configuredPools } from '../../../shared/config/servers.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { type ReleaseStack, withReleases } from '../../../shared/lifecycle.ts';
import { listSome } from '../../../shared/list-some.ts';
import { defaultPool } from '../../../shared/queues/names.ts';
import type { Secret } from '../../../shared/secret.ts';
import { readUpFile, removeUpFile, writeUpFile } from '../../up-file.ts';
import type { CliContext } from '../context.ts';
import { defaultConcurrency, openServer, positiveInteger, untilStopped } from '../server.ts';
import { verb } from '../verb.ts';

interface Options {
  concurrency: number;
}

export const upVerb = verb<Options>({
  command: 'up',
  describe: 'Run everything in one process, with a Redis of its own unless REDIS_URL is set',
  hearsHangUps: true,
  builder: (parser) =>
    parser.option('concurrency', {
      type: 'number',
      default: defaultConcurrency(),
      defaultDescription: 'cores',
      requiresArg: true,
      describe: 'Backups at once',
    }),
  run: (context, options) => withReleases((releases) => up(context, options, releases)),
});

async function up(context: CliContext, options: Options, releases: ReleaseStack): Promise<number> {
  const concurrency = positiveInteger(options.concurrency);
  const { dataDir } = await context.environment();
  await refuseSecond(dataDir);
  const server = await openServer(context, releases);
  const { redisUrl, ended } = await givenOrOwnRedis(context, releases);
  const producer = await server.startProducer(redisUrl);
  const pools = (config: Config): string[] => [...new Set([...configuredPools(config), defaultPool])];
  const worker = await server.startWorker({ redisUrl, pools, concurrency });
  const metrics = await server.startTelemetry({ defaultPort: 9090, services: [producer, worker] });
  server.followConfig();
  await Promise.race([Promise.all([producer.ready, worker.ready]), untilStopped(context.signal)]);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeUpFile(dataDir, {
    pid: process.pid,
    redisUrl: redisUrl.reveal(),
    http: producer.url ?? '',
    metrics,
  });
  releases.push(() => removeUpFile(dataDir));
  announce(context, { http: producer.url, metrics, databases: configuredNames(server.config) });
  await Promise.race([untilStopped(context.signal), ended]);
  context.say(
    'stopping: runs have the drain time to end, then they go back to the queue (Ctrl-C again to stop at once)',
  );
  return 0;
}

async function refuseSecond(dataDir: string): Promise<void> {
  const running = await readUpFile(dataDir);
  if (!running) return;
  throw new BackupDataError(
    'USAGE',
    `\`backupdata up\` already runs with the data directory ${dataDir} (process ${running.pid})`,
    {
      hint: 'Stop it first, or set BACKUPDATA_DATA_DIR to another directory.',
    },
  );
}

/** REDIS_URL, whose end is not ours to wait for; or a Redis of our own, without which there is nothing left to do. */
async function givenOrOwnRedis(
  context: CliContext,
  releases: ReleaseStack,
): Promise<{ redisUrl: Secret; ended: Promise<never> }> {
  const { dataDir, redisUrl } = await context.environment();
  if (redisUrl) return { redisUrl, ended: new Promise(() => undefined) };
  const { startEmbeddedRedis } = await import('../../embedded-redis.ts');
  const { signal, wait } = context;
  const redis = await startEmbeddedRedis({ dataDir, tools: await context.tools(), signal, wait });
  releases.push(redis.close);
  return { redisUrl: redis.url, ended: redis.ended };
}

function announce(
  context: CliContext,
  where: { http: string | null; metrics: string; databases: readonly string[] },
): void {
  const text = [
    `backupdata is up for ${listSome(where.databases, 20)}`,
    ...(where.http === null ? [] : [`  queues   ${where.http}/queues`]),
    `  metrics  ${where.metrics}/metrics`,
    'Back up from another terminal: backupdata backup --all. Stop with Ctrl-C.',
  ].join('\n');
  context.print({ document: { up: where }, text });
}
