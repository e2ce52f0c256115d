import { databasesStored } from '../../pipeline/catalog/catalog.ts';
import type { DatabaseConfig, ServerConfig } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { asBackupDataError } from '../../shared/errors.ts';
import type { CliContext } from './context.ts';
import { placesIn } from './preview-prune.ts';

/** The databases of a server that have backups in its storages, or in the given one. What cannot be read is told, and left out. */
export async function databasesOfServer(
  context: CliContext,
  { template }: ServerConfig,
  storage: string | undefined,
): Promise<DatabaseConfig[]> {
  const [config, resources] = [await context.config(), await context.resources()];
  const { signal } = context;
  const found = new Set<string>();
  for (const place of placesIn(template, storage)) {
    try {
      const opened = await resources.storage(place.storage);
      for (const name of await databasesStored({ storage: opened, server: template.name, signal }))
        found.add(name);
    } catch (error) {
      signal.throwIfAborted();
      const { message } = asBackupDataError(error);
      context.say(
        `warning: the databases of ${template.name} in storage ${place.storage} are not known: ${message}`,
      );
    }
  }
  return [...found].sort().flatMap((name) => findDatabase(config, name) ?? []);
}
