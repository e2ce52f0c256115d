import type { Config } from '../../shared/config/schema.ts';
import { configuredPools, findDatabase } from '../../shared/config/servers.ts';
import { defaultPool } from '../../shared/queues/names.ts';

/** The pool whose workers see to a backup of that database. Of one that left the configuration any can. */
export function poolFor(config: Config, database: string): string {
  return findDatabase(config, database)?.pool ?? configuredPools(config)[0] ?? defaultPool;
}
