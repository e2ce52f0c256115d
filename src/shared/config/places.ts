import type { RetentionConfig } from './policy-schema.ts';
import type { DatabaseConfig } from './schema.ts';

/** A storage that holds backups of a database, and how long it keeps them. */
export interface Place {
  storage: string;
  /** The database's own storage, where this one holds copies; undefined for that storage itself. */
  home: string | undefined;
  retention: RetentionConfig | null;
}

/** Every storage that a database's backups are kept in, its own first. */
export function placesOf({ storage, retention, copies }: DatabaseConfig): Place[] {
  return [{ storage, home: undefined, retention }, ...copies.map((copy) => ({ ...copy, home: storage }))];
}
