import type { DatabaseConfig, ServerConfig } from '../shared/config/schema.ts';
import { databaseOn } from '../shared/config/servers.ts';
import { BackupDataError } from '../shared/errors.ts';
import { isDatabaseName, timeOfScratch } from '../shared/ids.ts';
import type { Engine, EngineContext } from './engine/engine.ts';

/** What a server has of what its patterns ask for. */
export interface Discovered {
  /** In the order of their names. */
  databases: readonly DatabaseConfig[];
  /** By the server's own names: what cannot be backed up, because no name of a folder can stand for it. */
  unnameable: readonly string[];
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
  const wanted = listed
    .filter((name) => timeOfScratch(name) === undefined)
    .flatMap((name) => {
      const database = databaseOn(server, name);
      return database ? [{ name, database }] : [];
    });
  const isNameable = (each: (typeof wanted)[number]): boolean => isDatabaseName(each.database.name);
  return {
    databases: wanted
      .filter(isNameable)
      .map(({ database }) => database)
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    unnameable: wanted.filter((each) => !isNameable(each)).map(({ name }) => name),
  };
}

function cannotBeAsked(engine: string): BackupDataError {
  return new BackupDataError(
    'CONFIG_INVALID',
    `a server of ${engine} cannot be asked for its databases by this release`,
    { hint: 'Write an entry with `url` for each database instead of `discover`.' },
  );
}
