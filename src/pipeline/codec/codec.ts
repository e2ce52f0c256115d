import type { Stage } from '../process/stage.ts';

/**
 * A reversible transformation of a part, done by a native program.
 *
 * `encode` and `decode` read stdin and write stdout. `decode` must exit non-zero for input that is truncated or
 * damaged; a codec that cannot detect damage says so with `detectsDamage: false`, and the hashes of the volumes
 * remain the only proof.
 */
export interface Codec {
  /** As the manifest names it. */
  readonly name: string;
  /** What the encoded file's name ends with, without the dot; empty when the bytes stay as they are. */
  readonly extension: string;
  /** As the manifest records them; enough, with `name`, to make the same codec again. */
  readonly params: Readonly<Record<string, string | number>>;
  readonly detectsDamage: boolean;
  /** Null when the bytes stay as they are. */
  encode(): Stage | null;
  decode(): Stage | null;
}
