import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { EngineContext, Inspection } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { isOlder } from '../versions.ts';
import { withClient } from './client.ts';
import { addressOf, type Connection, parseConnection } from './connection.ts';
import { keysByDatabase, readInfo, type ServerInfo } from './info.ts';
import { needProgram, versionOf } from './tools.ts';

/** Two commands: what the server tells of itself, and the first that a replica would send. */
export async function inspect(database: DatabaseConfig, context: EngineContext): Promise<Inspection> {
  const connection = parseConnection(sourceFor(database, ['redis']).url);
  const info = await withClient(connection, context, async (client) => {
    const told = await readInfo(client);
    refuseUnfit(told, connection);
    await client.ask(['REPLCONF', 'capa', 'eof']);
    return told;
  });
  const serverVersion = versionIn(info);
  const toolVersion = await toolVersionOf(context);
  refuseOlderTool(toolVersion, serverVersion, info);
  return {
    engine: { name: 'redis', serverVersion, toolVersion, format: 'RDB' },
    source: sourceIn(info),
    restore: {
      minToolVersion: serverVersion,
      encoding: '',
      collate: '',
      ctype: '',
      owner: '',
      settings: [],
      roles: [],
    },
    estimatedSourceBytes: Number(info.get('used_memory') ?? 0),
    notes: notesOn(info),
  };
}

/** A redis-check-rdb before 7.0 does not tell; redis-cli comes with it. */
async function toolVersionOf(context: EngineContext): Promise<string> {
  const own = await versionOf(await needProgram('check-rdb', context), context);
  return own === '' ? versionOf(await needProgram('cli', context), context) : own;
}

/**
 * Nothing that a server tells of itself stays: run_id changes at every start, and master_replid with each dump of a server
 * without replicas, whose backups would all be of different sources. One without keys may have lost them, and its backups must
 * not count as those of the data.
 */
function sourceIn(info: ServerInfo): Inspection['source'] {
  const database = keysByDatabase(info).size > 0 ? 'all databases' : 'all databases, none with a key';
  return { systemIdentifier: null, database };
}

function versionIn(info: ServerInfo): string {
  return info.get('valkey_version') ?? info.get('redis_version') ?? '';
}

/** What would give a backup that looks whole and is not. */
function refuseUnfit(info: ServerInfo, connection: Connection): void {
  const where = `Redis at ${addressOf(connection)}`;
  if ((info.get('redis_mode') ?? info.get('server_mode')) === 'sentinel')
    throw new BackupDataError('CONFIG_INVALID', `${where} is a sentinel, which holds no data`, {
      hint: 'Name the server itself in the URL.',
    });
  if (info.get('cluster_enabled') === '1' && !connection.clusterNode)
    throw new BackupDataError(
      'CONFIG_INVALID',
      `${where} is a node of a cluster, and its dump holds only its own slots`,
      {
        hint: 'Configure each primary of the cluster as a database of its own, with ?cluster=node in its URL.',
      },
    );
  if (info.get('loading') === '1' || info.get('async_loading') === '1')
    throw new BackupDataError('DATABASE_UNREACHABLE', `${where} is loading its data and is not whole yet`, {
      hint: 'Wait until it has loaded; the run is tried again.',
    });
}

/** Valkey counts its versions by itself; there the check of the dump tells. */
function refuseOlderTool(tool: string, server: string, info: ServerInfo): void {
  if (info.has('valkey_version') || !isOlder(tool, server)) return;
  throw new BackupDataError(
    'TOOL_TOO_OLD',
    `the server is Redis ${server}, the redis-check-rdb here is ${tool}`,
    {
      hint: `Install Redis's programs of ${server} or newer here, or add their folder to tools.path.`,
    },
  );
}

function notesOn(info: ServerInfo): string[] {
  const keys = [...keysByDatabase(info)].map(([name, count]) => `${name} ${count}`);
  const modules = [...info].flatMap(([name, value]) =>
    name === 'module' ? [/name=([^,]*)/.exec(value)?.[1] ?? ''] : [],
  );
  return [
    keys.length === 0
      ? 'the server held no keys when it was asked'
      : `keys when it was asked: ${keys.join(', ')}`,
    ...(modules.length > 0
      ? [`a server that is to read it needs its modules, such as ${modules.join(', ')}`]
      : []),
    ...(info.get('cluster_enabled') === '1' ? ['one node of a cluster: only the keys of its own slots'] : []),
    ...(info.get('role') === 'slave'
      ? ['read from a replica: what had not reached it yet is not in it']
      : []),
  ];
}
