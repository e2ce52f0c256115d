import type { NamedBackups } from '../../pipeline/retention/decide.ts';
import type { DatabaseConfig, ServerConfig } from '../../shared/config/schema.ts';
import { BackupDataError, hasCode, toErrorDocument } from '../../shared/errors.ts';
import { retentionFingerprint } from '../../shared/fingerprint.ts';
import { namedBackups } from '../../shared/queues/named-backups.ts';
import { type OperationsContext, sessionOf } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import { placesIn, previewPlaces } from './preview-prune.ts';
import { databasesOfServers } from './server-databases.ts';

/** What a prune would do, and changes nothing. */
export async function previewPrune(
  context: OperationsContext,
  request: RequestOf<'previewPrune'>,
  call: Call,
): Promise<ResponseOf<'previewPrune'>> {
  const { databases, unread } = await choose(context, request, call);
  const { named, warnings } = await namedByJobs(context);
  const { signal } = call;
  const { previews, failures } = await previewPlaces(context, { ...request, databases, named, signal });
  return { databases: [...previews], warnings, failures: [...unread, ...failures].map(toErrorDocument) };
}

/** Has workers retire what the retention does not keep, one job for each database. */
export async function startPrune(
  context: OperationsContext,
  request: RequestOf<'prune'>,
  call: Call,
): Promise<ResponseOf<'prune'>> {
  const { databases, unread } = await choose(context, request, call);
  const { storage, allSources } = request;
  const { client } = await sessionOf(context);
  const jobs: ResponseOf<'prune'>['jobs'] = [];
  for (const database of databases) {
    const policy = retentionFingerprint(database);
    const payload = { database: database.name, retire: true, allSources, policy };
    const jobId = await client.prune(
      storage === undefined ? payload : { ...payload, storage },
      database.pool,
    );
    jobs.push({ database: database.name, jobId });
  }
  const keeping = databases.filter((each) =>
    placesIn(each, storage).every(({ retention }) => retention === null),
  );
  const warnings = keeping.map(({ name }) => `${name}: no retention is configured, so every backup is kept`);
  return { jobs, warnings, failures: unread.map(toErrorDocument) };
}

interface Chosen {
  databases: readonly DatabaseConfig[];
  /** Why not all that may be in a server's storages is known. */
  unread: readonly BackupDataError[];
}

/** Those that keep backups in the given storage. */
async function choose(
  context: OperationsContext,
  { database, storage }: RequestOf<'prune'>,
  { signal, sees }: Call,
): Promise<Chosen> {
  const { resources } = context.current();
  if (storage !== undefined) await resources.storage(storage);
  const named = namedBy(context, database);
  const goesThere = (each: DatabaseConfig): boolean => placesIn(each, storage).length > 0;
  if (![...named.databases, ...named.servers.map(({ template }) => template)].some(goesThere)) {
    if (storage === undefined) return { databases: [], unread: [] };
    throw new BackupDataError(
      'USAGE',
      `no backups of ${database ?? 'any database'} go to storage ${storage}`,
      { hint: 'See `storage` and `copies` in the configuration.' },
    );
  }
  const found = await databasesOfServers(context, { servers: named.servers, storage, signal });
  const databases = [...named.databases.filter(goesThere), ...found.databases];
  return { databases: databases.filter(({ name }) => sees(name)), unread: found.failures };
}

function namedBy(
  { current }: OperationsContext,
  name: string | undefined,
): { databases: readonly DatabaseConfig[]; servers: readonly ServerConfig[] } {
  const { config, resources } = current();
  const { databases, servers } = config;
  if (name === undefined) return { databases: [...databases.values()], servers: [...servers.values()] };
  const server = servers.get(name);
  if (server) return { databases: [], servers: [server] };
  return { databases: [resources.database(name)], servers: [] };
}

/** What is shown without Redis may be retired later than it says, but nothing else will be. */
async function namedByJobs(context: OperationsContext): Promise<{ named: NamedBackups; warnings: string[] }> {
  try {
    const { redis } = await sessionOf(context);
    return { named: await namedBackups({ config: context.current().config, redis }), warnings: [] };
  } catch (thrown) {
    const error = context.queues?.explain(thrown) ?? thrown;
    if (!hasCode(error, 'REDIS_UNAVAILABLE')) throw error;
    return {
      named: new Map(),
      warnings: [`backups that jobs name are not known, because of Redis: ${error.message}`],
    };
  }
}
