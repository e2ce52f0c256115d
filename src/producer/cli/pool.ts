import type { Config } from '../../shared/config/schema.ts';
import { defaultPool } from '../../shared/queues/names.ts';

/** The pool whose workers maintain the backups of a database. One that left the configuration still has backups: any worker can see to them. */
export function maintenancePool({ databases }: Config, database: string): string {
  return databases.get(database)?.pool ?? [...databases.values()][0]?.pool ?? defaultPool;
}
