import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import type { EngineContext, PartCheck } from '../engine.ts';
import { checkedBy } from '../part-check.ts';
import { plainEnvironment } from '../system-programs.ts';
import type { ClientToolsFinder } from './tools.ts';

/**
 * Reads an archive to its end, as a restore would. Its table of contents alone proves nothing: it is at the beginning,
 * and a truncated archive still has it. Globals are plain SQL, which the decoder reads.
 */
export async function check(
  { part, manifest }: { part: ManifestPart; manifest: Manifest },
  context: EngineContext,
  finder: ClientToolsFinder,
): Promise<PartCheck | null> {
  if (part.kind !== 'data') return null;
  const atLeast = Number.parseInt(manifest.restore.minToolVersion, 10);
  const tools = await finder.choose(
    { atLeast, because: `the backup was made with pg_dump ${atLeast}` },
    context,
  );
  return checkedBy({
    program: tools.pgRestore,
    args: ['--file=/dev/null'],
    env: plainEnvironment(context),
  });
}
