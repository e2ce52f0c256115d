import { databasesStored, listEntries, readManifest } from '../../pipeline/catalog/catalog.ts';
import type { DatabaseConfig, ServerConfig } from '../../shared/config/schema.ts';
import { hasCode } from '../../shared/errors.ts';
import type { Current } from '../current.ts';

/** What the catalog has of a schedule that Redis knows nothing of: it may be new, or Redis may have lost it. */
export interface Newest {
  ofDatabase(
    database: DatabaseConfig,
    signal: AbortSignal,
  ): Promise<{ backupId: string; snapshotAt: Date } | undefined>;
  hasAny(server: ServerConfig, signal: AbortSignal): Promise<boolean>;
}

export function createNewest(current: Current): Newest {
  return {
    ofDatabase: async ({ name, storage: storageName }, signal) => {
      const storage = await current().resources.storage(storageName);
      for (const { backupId } of await listEntries({ storage, database: name, signal })) {
        try {
          const { snapshotAt } = await readManifest({ storage, backupId, signal });
          return { backupId, snapshotAt: new Date(snapshotAt) };
        } catch (error) {
          // One that cannot be read is no backup; the next may be.
          if (!isUnusable(error)) throw error;
        }
      }
      return undefined;
    },
    hasAny: async ({ template }, signal) => {
      const storage = await current().resources.storage(template.storage);
      return (await databasesStored({ storage, server: template.name, signal })).length > 0;
    },
  };
}

function isUnusable(error: unknown): boolean {
  return (['BACKUP_NOT_FOUND', 'MANIFEST_INVALID', 'FORMAT_UNSUPPORTED'] as const).some((code) =>
    hasCode(error, code),
  );
}
