/** One version of a manifest's object, as a listing of its storage names it. */
export interface ManifestVersion {
  /** The storage's name. */
  storage: string;
  key: string;
  version: string;
}

/**
 * Remembers the files of manifests from one listing to the next. What it gives is shown and nothing else: whatever acts
 * on a backup reads the storage. It may forget anything at any time, and never throws.
 */
export interface ManifestCache {
  /** The files in the order of what was asked for; undefined for one that it does not know. */
  read(versions: readonly ManifestVersion[]): Promise<readonly (Uint8Array | undefined)[]>;
  write(files: readonly CachedFile[]): Promise<void>;
}

export interface CachedFile extends ManifestVersion {
  file: Uint8Array;
}
