import { type CatalogEntry, listEntries } from '../../pipeline/catalog/catalog.ts';
import type { Storage } from '../../pipeline/storage/storage.ts';
import type { ServerConfig } from '../../shared/config/schema.ts';
import { decodeName, isWanted } from '../../shared/config/servers.ts';
import { databaseOf } from '../../shared/ids.ts';
import type { FoundDatabases } from './known-databases.ts';
import { readNewest } from './read-newest.ts';
import type { State } from './state.ts';

interface ServerOptions {
  server: ServerConfig;
  storage: Storage;
  /** What the server had when it was last asked: a database that never had a backup is known by this alone. */
  found: FoundDatabases | undefined;
  state: State;
  clock: () => Date;
  /** Does the work when it is its turn, and keeps its failure. */
  attempt: (work: () => Promise<void>) => Promise<void>;
  signal: AbortSignal;
}

/** Reads the catalogs of all databases of a server by one listing. What is neither there nor on the server any more is forgotten. */
export async function readServer(options: ServerOptions): Promise<void> {
  const { server, state, clock, attempt } = options;
  const entry = server.template.name;
  const readAt = clock();
  let byDatabase: Map<string, CatalogEntry[]> | undefined;
  await attempt(async () => {
    byDatabase = await listServer(options);
  });
  if (!byDatabase) return;
  for (const name of state.names()) {
    const known = state.get(name);
    // What was read since may be newer than the listing.
    if (known?.entry === entry && known.readAt <= readAt && !byDatabase.has(name)) state.forget(name);
  }
  const read = [...byDatabase].map(([name, entries]) =>
    attempt(() => readOne(options, { name, entries, readAt })),
  );
  await Promise.all(read);
}

async function readOne(
  { server, storage, state, signal }: ServerOptions,
  { name, entries, readAt }: { name: string; entries: readonly CatalogEntry[]; readAt: Date },
): Promise<void> {
  const reading = await readNewest({ storage, entries, known: state.newest(name), now: readAt, signal });
  const { newest } = reading;
  // The name in the manifest, because a piece of a listing may hold all of it in memory.
  state.take(newest ? databaseOf(newest.backupId) : name, { entry: server.template.name, readAt, reading });
}

async function listServer({
  server,
  storage,
  found,
  signal,
}: ServerOptions): Promise<Map<string, CatalogEntry[]>> {
  const entries = await listEntries({ storage, database: undefined, server: server.template.name, signal });
  const stored = Map.groupBy(entries, ({ database }) => database);
  const names = new Set([...stored.keys(), ...(found?.names ?? [])]);
  return new Map(
    [...names].filter((name) => isOn(server, name)).map((name) => [name, stored.get(name) ?? []]),
  );
}

/** Before it was a server, an entry of its name may have been a database; and the patterns may leave out what they once let through. */
function isOn(server: ServerConfig, database: string): boolean {
  const entry = server.template.name;
  const name = database.startsWith(`${entry}.`) ? decodeName(database.slice(entry.length + 1)) : undefined;
  return name !== undefined && isWanted(server, name);
}
