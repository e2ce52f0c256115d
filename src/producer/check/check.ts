import type { Tools } from '../../pipeline/process/tools.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { Config } from '../../shared/config/schema.ts';
import type { Secret } from '../../shared/secret.ts';
import { createMaxAges } from '../freshness/max-age.ts';
import { checkDatabase } from './database.ts';
import { checkEncryption } from './encryption.ts';
import { examine, type Finding, ok } from './finding.ts';
import { checkFreshness } from './freshness.ts';
import { checkRedis } from './redis.ts';
import { checkServer } from './server.ts';
import { checkStorage } from './storage.ts';
import { checkCodecs, checkEngineTools } from './tools.ts';
import { checkWorkers } from './workers.ts';

/** What is examined. Each is asked for only once, and may throw: that is a finding. */
export interface Patient {
  config(): Promise<Config>;
  /** Throws CONFIG_INVALID when a variable of the environment is wrong. */
  environment(): Promise<unknown>;
  redisUrl(): Promise<Secret>;
  resources(): Promise<Resources>;
  tools(): Promise<Tools>;
  /** Letters and digits, new at every call: tells the probes of two checks apart. */
  randomText(): string;
  clock(): Date;
  signal: AbortSignal;
}

const databasesAtOnce = 4;

/** Examines everything that a backup needs, and goes on when something is wrong. In the order of the report. */
export async function check(patient: Patient): Promise<readonly Finding[]> {
  const { signal } = patient;
  const settings = await checkSettings(patient);
  const config = await patient.config().catch(() => undefined);
  const environment = await patient.environment().catch(() => undefined);
  const queues = environment ? checkQueues(patient, config) : [];
  const rest = config ? checkConfigured(patient, config) : [];
  const findings = [settings, ...(await Promise.all([queues, rest]))].flat();
  signal.throwIfAborted();
  return findings;
}

async function checkSettings({ config, environment, signal }: Patient): Promise<readonly Finding[]> {
  const configuration = examine('configuration', signal, async () => {
    const { origin, databases, servers, storages } = await config();
    const wholeServers = servers.size === 0 ? '' : `, servers: ${servers.size}`;
    const counts = `databases: ${databases.size}${wholeServers}, storages: ${storages.size}`;
    return [ok('configuration', `${origin}; ${counts}`)];
  });
  const variables = examine('environment', signal, async () => {
    await environment();
    return [];
  });
  return (await Promise.all([configuration, variables])).flat();
}

/** Without Redis there is one problem, not one for each thing that needs it. */
async function checkQueues(
  { redisUrl, signal }: Patient,
  config: Config | undefined,
): Promise<readonly Finding[]> {
  const redis = await examine('redis', signal, async () => checkRedis(await redisUrl()));
  if (!config || redis.length === 1) return redis;
  const workers = await examine('workers', signal, async () =>
    checkWorkers({ config, redisUrl: await redisUrl() }),
  );
  return [...redis, ...workers];
}

async function checkConfigured(patient: Patient, config: Config): Promise<readonly Finding[]> {
  const [resources, tools] = [await patient.resources(), await patient.tools()];
  const { signal, randomText } = patient;
  const databases = [...config.databases.values()];
  const servers = [...config.servers.values()];
  const all = [...databases, ...servers.map(({ template }) => template)];
  const programs = [
    checkCodecs({ databases: all, tools, signal }),
    checkEngineTools({ databases: all, resources, signal }),
    checkEncryption(config),
  ];
  const storages = resources.storageNames.map((name) =>
    examine(storageName(name), signal, async () =>
      checkStorage({
        storage: await resources.storage(name),
        installation: config.installation,
        shared: resources.isShared(name),
        randomText,
        signal,
      }),
    ),
  );
  const others = (await Promise.all([...programs, ...storages])).flat();
  const examined = await inTurns(databases, databasesAtOnce, (database) =>
    examine(`database ${database.name}`, signal, () => checkDatabase({ database, resources, signal })),
  );
  const asked = await inTurns(servers, databasesAtOnce, (server) =>
    examine(`server ${server.template.name}`, signal, () => checkServer({ server, resources, signal })),
  );
  const unreadable = others.flatMap(({ name, status }) => (status === 'problem' ? [name] : []));
  const maxAgeOf = createMaxAges(patient.clock);
  const aged = await inTurns(
    databases.filter(({ storage }) => !unreadable.includes(storageName(storage))),
    databasesAtOnce,
    (database) =>
      examine(`freshness of ${database.name}`, signal, () =>
        checkFreshness({ ...patient, database, resources, maxAgeOf }),
      ),
  );
  return [...others, ...examined.flat(), ...asked.flat(), ...aged.flat()];
}

function storageName(name: string): string {
  return `storage ${name}`;
}

async function inTurns<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += atOnce) {
    results.push(...(await Promise.all(items.slice(start, start + atOnce).map(run))));
  }
  return results;
}
