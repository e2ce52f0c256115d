import type { DatabaseConfig, ServerConfig } from '../shared/config/schema.ts';
import { databaseOn, isPattern, isWanted } from '../shared/config/servers.ts';
import { BackupDataError } from '../shared/errors.ts';
import { isDatabaseName, timeOfScratch } from '../shared/ids.ts';
import type { Engine, EngineContext } from './engine/engine.ts';

/** What a server has of what its patterns ask for. */
export interface Discovered {
  /** In the order of their names. */
  databases: readonly DatabaseConfig[];
  /** By the server's own names: what cannot be backed up, because no URL or no name of a folder can stand for it; and why. */
  unnameable: readonly { name: string; why: string }[];
  /** What is included by its very name, and is not there. */
  missing: readonly string[];
}

/**
 * Asks the server, once, which databases it has. What a drill made is none of them. Throws inspect's connection errors;
 * CONFIG_INVALID for an engine whose servers cannot be asked.
 */
export async function discover(options: {
  server: ServerConfig;
  engine: Pick<Engine, 'name' | 'databases'>;
  context: EngineContext;
}): Promise<Discovered> {
  const { server, engine, context } = options;
  if (!engine.databases) throw cannotBeAsked(engine.name);
  const listed = await engine.databases(server.template, context);
  const wanted = listed.filter((name) => timeOfScratch(name) === undefined && isWanted(server, name));
  const named = wanted.map((name) => ({ name, database: databaseOn(server, name) }));
  return {
    databases: named
      .flatMap(({ database }) => (database && isDatabaseName(database.name) ? [database] : []))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    unnameable: named.flatMap(({ name, database }) => {
      if (!database) return [{ name, why: 'stands for a folder in a URL' }];
      return isDatabaseName(database.name) ? [] : [{ name, why: 'is too long to be stored' }];
    }),
    missing: server.include.filter(
      (name) => !isPattern(name) && isWanted(server, name) && !listed.includes(name),
    ),
  };
}

function cannotBeAsked(engine: string): BackupDataError {
  return new BackupDataError(
    'CONFIG_INVALID',
    `a server of ${engine} cannot be asked for its databases by this release`,
    { hint: 'Write an entry with `url` for each database instead of `discover`.' },
  );
}
