import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Written {
  /** By path, or with more settings than that. */
  storages: Record<string, string | { path: string; shared: boolean }>;
  databases: Record<string, object>;
  identities?: readonly string[];
}

/** Writes the configuration file that `runInProcess` reads: local storages by their paths, and databases that nothing needs to answer for. */
export async function writeConfig(
  folder: string,
  { storages, databases, identities = [] }: Written,
): Promise<void> {
  const [storage] = Object.keys(storages);
  const config = {
    storages: Object.fromEntries(
      Object.entries(storages).map(([name, storage]) => [
        name,
        { type: 'local', ...(typeof storage === 'string' ? { path: storage } : storage) },
      ]),
    ),
    defaults: { storage },
    identities,
    databases: Object.fromEntries(
      Object.entries(databases).map(([name, settings]) => [name, { ...unreachable, ...settings }]),
    ),
  };
  // JSON is YAML too.
  await writeFile(join(folder, 'backupdata.yaml'), JSON.stringify(config, null, 2));
}

/** Nothing listens on port 1 of the loopback address. */
const unreachable = { engine: 'postgres', url: 'postgres://nobody@127.0.0.1:1/nothing' };
