import type { Path, Place, Problem } from './problems.ts';

/** A configuration that was read and not checked yet, wherever it comes from. */
export interface ConfigSource {
  /** As `Config.origin`. */
  origin: string;
  /** Relative paths start in this folder. */
  folder: string;
  root: unknown;
  locate(path: Path): Place;
  /** What went wrong so far; a path that is named here has no value in `root`. */
  problems: readonly Problem[];
  /** Texts that may also stand for a number or a switch, by `keyOf(path)`. */
  whole: ReadonlyMap<string, { value: string; set(value: unknown): void }>;
  /** Contents of files that a text was made of, by `keyOf(path)`. */
  files: ReadonlyMap<string, readonly string[]>;
}
