import type { ManifestPart } from '../../../shared/manifest.ts';
import type { EngineContext, PartCheck } from '../engine.ts';
import { checkedBy } from '../part-check.ts';
import { awkStage } from './awk.ts';

/**
 * Reads the part to its end with a stock program, which ends with code 1 unless the last line is the one that a dump
 * program writes when it has written everything.
 */
export async function check(
  { part }: { part: ManifestPart },
  context: EngineContext,
): Promise<PartCheck | null> {
  if (part.kind !== 'data') return null;
  const program = 'END { exit $0 !~ /^-- Dump completed( on .*)?$/ }';
  return checkedBy(await awkStage({ program }, context));
}
