import type { Stage } from '../process/stage.ts';
import type { Codec } from './codec.ts';

/** The stages that undo `codecs`, in the order in which they must run. */
export function decodeStages(codecs: readonly Codec[]): Stage[] {
  return codecs
    .toReversed()
    .map((codec) => codec.decode())
    .filter((stage) => stage !== null);
}
