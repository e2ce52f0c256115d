import { BackupDataError } from '../../../shared/errors.ts';
import type { ManifestPart } from '../../../shared/manifest.ts';
import type { EngineContext, PartCheck } from '../engine.ts';
import { plainEnvironment } from './client-options.ts';

/**
 * Reads the part to its end with a stock program, which ends with code 1 unless the last line is the one that a dump
 * program writes when it has written everything.
 */
export async function check(
  { part }: { part: ManifestPart },
  context: EngineContext,
): Promise<PartCheck | null> {
  if (part.kind !== 'data') return null;
  const awk = await context.tools.find('awk');
  if (awk === undefined)
    throw new BackupDataError('TOOL_MISSING', 'awk is not installed, and the end of a dump is read by it', {
      hint: 'Install awk, or add its folder to tools.path in the configuration.',
    });
  const program = 'END { exit $0 !~ /^-- Dump completed( on .*)?$/ }';
  return {
    stage: { program: awk, args: [program], env: plainEnvironment(context) },
    finish: nothing,
    close: nothing,
  };
}

async function nothing(): Promise<void> {}
