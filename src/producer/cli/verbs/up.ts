import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { Config } from '../../../shared/config/schema.ts';
import { configuredNames, configuredPools } from '../../../shared/config/servers.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import { type ReleaseStack, withReleases } from '../../../shared/lifecycle.ts';
import { listSome } from '../../../shared/list-some.ts';
import { defaultPool } from '../../../shared/queues/names.ts';
import type { Secret } from '../../../shared/secret.ts';
import type { Faces } from '../../faces.ts';
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
  const first = await firstTokenUnlessConfigured(context, server.config);
  const producer = await server.startProducer({ redisUrl, ...(first && { firstToken: first.config }) });
  const pools = (config: Config): string[] => [...new Set([...configuredPools(config), defaultPool])];
  const worker = await server.startWorker({ redisUrl, pools, concurrency });
  const metrics = await server.startTelemetry({ defaultPort: 9090, services: [producer, worker] });
  server.followConfig();
  await Promise.race([Promise.all([producer.ready, worker.ready]), untilStopped(context.signal)]);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeUpFile(dataDir, {
    pid: process.pid,
    redisUrl: redisUrl.reveal(),
    http: producer.faces?.http ?? '',
    grpc: producer.faces?.grpc ?? '',
    metrics,
  });
  releases.push(() => removeUpFile(dataDir));
  const databases = configuredNames(server.config);
  announce(context, { faces: producer.faces, token: first?.made ?? null, metrics, databases });
  if (producer.faces) await first?.keep();
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

/** Without a configured token an admin's is made, which is known here alone. */
async function firstTokenUnlessConfigured(context: CliContext, { auth }: Config) {
  if (auth.tokens.length > 0) return undefined;
  const { firstToken } = await import('../../identity/first-token.ts');
  const { dataDir } = await context.environment();
  return firstToken({ dataDir, randomBytes });
}

function announce(
  context: CliContext,
  {
    faces,
    token,
    metrics,
    databases,
  }: { faces: Faces | null; token: string | null; metrics: string; databases: readonly string[] },
): void {
  const signIn = faces && token !== null ? `${faces.http}/sign-in#${token}` : null;
  const text = [
    `backupdata is up for ${listSome(databases, 20)}`,
    ...(faces === null ? [] : [`  queues   ${faces.http}/queues`, `  gRPC     ${faces.grpc}`]),
    `  metrics  ${metrics}/metrics`,
    ...(signIn === null ? [] : ['Sign in once by this link; it is shown only now:', `  ${signIn}`]),
    'Back up from another terminal: backupdata backup --all. Stop with Ctrl-C.',
  ].join('\n');
  const where = { http: faces?.http ?? null, grpc: faces?.grpc ?? null, metrics, databases, signIn };
  context.print({ document: { up: where }, text });
}
