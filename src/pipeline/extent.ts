import type { DatabaseConfig } from '../shared/config/schema.ts';
import type { Manifest } from '../shared/manifest.ts';

/**
 * What a dump is of, where that is not everything: definitions alone, or what patterns leave. It is a part of what a backup is
 * of: a retention must not let backups of less stand for whole ones.
 */
export function extentOf(database: DatabaseConfig): Pick<Manifest['source'], 'extent'> {
  if (!('schemaOnly' in database)) return {};
  if (database.schemaOnly) return { extent: 'schema' };
  const schemas = 'schemas' in database ? Object.values(database.schemas) : [];
  const patterns = [...Object.values(database.tables), ...schemas].flat();
  return patterns.length > 0 ? { extent: 'selection' } : {};
}
