import type { Duplex } from 'node:stream';
import type { BackupDataError } from '../../shared/errors.ts';
import type { StageFailure } from '../process/failure.ts';
import type { Stage } from '../process/stage.ts';

/**
 * A reversible transformation of a part, done by a native program.
 *
 * `encode` and `decode` read stdin and write stdout. `decode` must exit non-zero for input that is truncated or
 * damaged; a codec that cannot detect damage says so with `detectsDamage: false`, and the hashes of the volumes
 * remain the only proof.
 */
export interface Codec {
  /** As the manifest names it; also the name of the stock program that decodes it, unless `stock` is null. */
  readonly name: string;
  /** What the encoded file's name ends with, without the dot; empty when the bytes stay as they are. */
  readonly extension: string;
  /** As the manifest records them; enough, with `name` and what the reader must have, to decode. */
  readonly params: Readonly<Record<string, string | number>>;
  readonly detectsDamage: boolean;
  /** Null when the bytes stay as they are. */
  encode(): Stage | null;
  decode(): Stage | null;
  /**
   * The same inside this process, for what is too small to be worth starting a program. Each reads what the other or a
   * stage wrote; of an input that ends early, `decode` gives out the beginning before it fails. Null when the bytes stay
   * as they are.
   */
  readonly inProcess: { encode(): Duplex; decode(): Duplex } | null;
  /** For RESTORE.md; null when the bytes stay as they are. */
  readonly stock: StockDecoder | null;
  /** What it means that the stages of a decoding failed, where that says nothing of the bytes. */
  explain(failure: StageFailure): BackupDataError | undefined;
}

/** How anyone decodes without BackUpData. */
export interface StockDecoder {
  /** For a POSIX shell, from stdin to stdout, by the program that the codec is named for. */
  command: string;
  /** A sentence on what the reader must have besides the program. */
  needs: string | null;
}
