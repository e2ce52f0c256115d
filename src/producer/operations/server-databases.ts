import { databasesLeft } from '../../pipeline/catalog/catalog.ts';
import type { DatabaseConfig, ServerConfig } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { OperationsContext } from './context.ts';
import { placesIn } from './preview-prune.ts';

/**
 * The databases of servers of which anything is in their storages, or in the given one: what a dead attempt left is swept with
 * the backups. And the failures of the storages that cannot be read.
 */
export async function databasesOfServers(
  context: OperationsContext,
  {
    servers,
    storage,
    signal,
  }: {
    servers: readonly ServerConfig[];
    storage: string | undefined;
    signal: AbortSignal;
  },
): Promise<{ databases: readonly DatabaseConfig[]; failures: readonly BackupDataError[] }> {
  const { config, resources } = context.current();
  const names = new Set<string>();
  const failures: BackupDataError[] = [];
  const places = servers.flatMap(({ template }) =>
    placesIn(template, storage).map((place) => ({ server: template.name, storage: place.storage })),
  );
  for (const place of places) {
    try {
      const request = { server: place.server, storage: await resources.storage(place.storage) };
      for (const name of await databasesLeft({ ...request, signal })) names.add(name);
    } catch (error) {
      if (!(error instanceof BackupDataError)) throw error;
      failures.push(error);
    }
  }
  return { databases: [...names].sort().flatMap((name) => findDatabase(config, name) ?? []), failures };
}
