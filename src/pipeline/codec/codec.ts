import type { Transform } from 'node:stream';
import type { Stage } from '../process/stage.ts';

/**
 * A reversible transformation of a part, done by a native program.
 *
 * `encode` and `decode` read stdin and write stdout. `decode` must exit non-zero for input that is truncated or
 * damaged; a codec that cannot detect damage says so with `detectsDamage: false`, and the hashes of the volumes
 * remain the only proof.
 */
export interface Codec {
  /** As the manifest names it; also the stock program that decodes it with the arguments of `decode`, unless that is null. */
  readonly name: string;
  /** What the encoded file's name ends with, without the dot; empty when the bytes stay as they are. */
  readonly extension: string;
  /** As the manifest records them; enough, with `name`, to make the same codec again. */
  readonly params: Readonly<Record<string, string | number>>;
  readonly detectsDamage: boolean;
  /** Null when the bytes stay as they are. */
  encode(): Stage | null;
  decode(): Stage | null;
  /**
   * The same inside this process, for what is too small to be worth starting a program. Each reads what the other or a
   * stage wrote. Null when the bytes stay as they are.
   */
  readonly inProcess: { encode(): Transform; decode(): Transform } | null;
}
