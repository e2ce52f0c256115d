import { join } from 'node:path';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { StageFailure } from '../../process/failure.ts';
import type { EngineContext, Scratch } from '../engine.ts';
import { isOlder } from '../versions.ts';
import { keysByDatabase } from './info.ts';
import { checkRdb } from './rdb-file.ts';
import { type ScratchServer, startScratchServer } from './scratch-server.ts';
import { needProgram, versionOf } from './tools.ts';

/**
 * A folder of this machine to restore the file to, and a server of its own on it, which only this user can reach and which
 * writes nothing. TOOL_MISSING without redis-server or redis-cli, CONFIG_INVALID where it is older than the source.
 */
export async function openScratch(
  { manifest, at }: { manifest: Manifest; at: Date },
  context: EngineContext,
): Promise<Scratch> {
  const program = await needProgram('server', context);
  await needProgram('cli', context);
  const serverVersion = await versionOf(program, context);
  refuseOlder(serverVersion, manifest);
  const folder = await openTemporaryFolder({ bytes: manifest.estimatedSourceBytes, now: at });
  const path = join(folder.path, 'dump.rdb');
  const servers: ScratchServer[] = [];
  const server = async (): Promise<ScratchServer> => {
    const started = servers[0] ?? (await startScratchServer({ program, folder: folder.path, path }, context));
    if (servers.length === 0) servers.push(started);
    return started;
  };
  return {
    target: { source: null, database: path },
    serverVersion,
    blames: wasRefused,
    missing: async () => notLoaded((await checkRdb(path, context)).keys, await (await server()).info()),
    count: async () => keysByDatabase(await (await server()).info()),
    refute: async () => {
      throw new BackupDataError('CONFIG_INVALID', 'assertions are SQL, which Redis does not know', {
        hint: 'Leave verify.assertions out for a database of Redis.',
      });
    },
    drop: async () => {
      for (const each of servers) await each.stop();
      await folder.remove();
      return undefined;
    },
  };
}

function refuseOlder(version: string, { engine, backupId }: Manifest): void {
  if (!isOlder(version, engine.serverVersion)) return;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `${backupId} is of Redis ${engine.serverVersion}, and the redis-server here is ${version}`,
    { hint: "Install the source's version of redis-server or a newer one on this worker." },
  );
}

/** The checker said that the file is no whole RDB. */
function wasRefused({ exits }: StageFailure): boolean {
  return exits.some(({ program, code, stopped }) => /-check-rdb$/.test(program) && !stopped && code !== null);
}

/** Every key of the file was loaded, or had come to the end of its life. Servers before 7.0 do not tell. */
function notLoaded(inFile: number, info: ReadonlyMap<string, string>): string[] {
  const [loaded, expired] = [info.get('rdb_last_load_keys_loaded'), info.get('rdb_last_load_keys_expired')];
  if (loaded === undefined || expired === undefined) return [];
  const lacking = inFile - Number(loaded) - Number(expired);
  return lacking === 0 ? [] : [`${lacking} of ${inFile} keys`];
}
