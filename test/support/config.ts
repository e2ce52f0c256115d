import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Written {
  storages: Record<string, string>;
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
      Object.entries(storages).map(([name, path]) => [name, { type: 'local', path }]),
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
