import { listEntries } from '../../pipeline/catalog/catalog.ts';
import { serverOf } from '../../shared/config/servers.ts';
import type { Current } from '../current.ts';
import { readNewest } from './read-newest.ts';
import type { State } from './state.ts';

interface DatabaseOptions {
  current: Current;
  state: State;
  clock: () => Date;
  name: string;
  signal: AbortSignal;
}

/** Reads the catalog of one database. Throws what the storage throws, and DATABASE_UNKNOWN for a name of no database. */
export async function readDatabase(options: DatabaseOptions): Promise<void> {
  const { state, name, clock, signal } = options;
  const { config, resources } = options.current();
  const entry = serverOf(config, name)?.template.name ?? name;
  const readAt = clock();
  const storage = await resources.storage(resources.database(name).storage);
  const entries = await listEntries({ storage, database: name, signal });
  const reading = await readNewest({ storage, entries, known: state.newest(name), now: readAt, signal });
  state.take(name, { entry, readAt, reading });
}

/** The same by itself: whether the storage answered is kept, too. */
export async function readAlone(options: DatabaseOptions): Promise<void> {
  const { state, name, signal } = options;
  const { storage } = options.current().resources.database(name);
  try {
    await readDatabase(options);
    state.answered(storage, null);
  } catch (error) {
    if (!signal.aborted && error instanceof Error) state.answered(storage, error);
    throw error;
  }
}
