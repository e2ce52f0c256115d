import type { Config, DatabasePolicy } from '../../shared/config/schema.ts';
import type { Current } from '../current.ts';
import { createGate, type Gate } from './gate.ts';
import type { KnownDatabases } from './known-databases.ts';
import { readDatabase } from './read-database.ts';
import { readServer } from './read-server.ts';
import type { State } from './state.ts';

const atOnce = 8;
/** Failures in a row after which a storage is asked no more in this round: each may take the time of all its retries. */
const enough = 8;

interface RoundOptions {
  current: Current;
  state: State;
  clock: () => Date;
  known?: Pick<KnownDatabases, 'found'> | undefined;
  signal: AbortSignal;
}

/** One round over all storages; one that is away keeps no other from being read. Never throws. */
export async function readEverything(options: RoundOptions): Promise<void> {
  const { config } = options.current();
  forgetOthers(options.state, config);
  const gate = createGate(atOnce);
  const byStorage = Map.groupBy(entriesOf(config), ({ storage }) => storage);
  await Promise.all(
    [...byStorage].map(([storage, entries]) => readStorage(options, { storage, entries, gate })),
  );
}

function entriesOf({ databases, servers }: Config): DatabasePolicy[] {
  return [...databases.values(), ...[...servers.values()].map(({ template }) => template)];
}

function forgetOthers(state: State, config: Config): void {
  for (const name of state.names()) {
    const entry = state.get(name)?.entry ?? name;
    if (!(entry === name ? config.databases : config.servers).has(entry)) state.forget(name);
  }
  const storages = new Set(entriesOf(config).map(({ storage }) => storage));
  for (const name of state.storages().keys()) if (!storages.has(name)) state.forgetStorage(name);
}

async function readStorage(
  options: RoundOptions,
  of: { storage: string; entries: readonly DatabasePolicy[]; gate: Gate },
): Promise<void> {
  const { state, signal } = options;
  const { storage, entries, gate } = of;
  let [failures, last]: [number, Error | null] = [0, null];
  const attempt = (work: () => Promise<void>): Promise<void> =>
    gate(async () => {
      if (signal.aborted || failures >= enough) return;
      try {
        await work();
        failures = 0;
      } catch (error) {
        failures += 1;
        last = error instanceof Error ? error : new Error(String(error));
      }
    });
  await Promise.all(entries.map((entry) => readEntry({ ...options, attempt }, entry)));
  if (!signal.aborted) state.answered(storage, last);
}

async function readEntry(
  options: RoundOptions & { attempt: (work: () => Promise<void>) => Promise<void> },
  { name }: DatabasePolicy,
): Promise<void> {
  const { config, resources } = options.current();
  const server = config.servers.get(name);
  if (!server) return options.attempt(() => readDatabase({ ...options, name }));
  const storage = await resources.storage(server.template.storage);
  await readServer({ ...options, server, storage, found: options.known?.found(name) });
}
