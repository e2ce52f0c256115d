import type { EngineName, Source, SourceOf } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { RestoreTarget } from './engine.ts';

/** The source as its engine reads it. INTERNAL for another engine's: a database is given only to the engine that it names. */
export function sourceFor<Name extends EngineName>(
  source: Source | null,
  engines: readonly Name[],
): SourceOf<Name> {
  if (source && isOf(source, engines)) return source;
  throw new BackupDataError('INTERNAL', `a source of ${source?.engine ?? 'no engine'} reached ${engines[0]}`);
}

/** USAGE when backups of this engine cannot be restored to such a target. Nothing is read or opened to tell. */
export function refuseOtherTarget(
  { name, targets }: { name: EngineName; targets: { engines: readonly EngineName[]; files: boolean } },
  { source }: RestoreTarget,
): void {
  if (source === null ? targets.files : targets.engines.includes(source.engine)) return;
  const what = source === null ? 'a file' : `of ${source.engine}`;
  const right = targets.files ? `the path of a file, or a database of ${name}` : `a database of ${name}`;
  throw new BackupDataError('USAGE', `the backup is of ${name}, and the target is ${what}`, {
    hint: `Name ${right} as the target.`,
  });
}

function isOf<Name extends EngineName>(source: Source, engines: readonly Name[]): source is SourceOf<Name> {
  return engines.some((name) => name === source.engine);
}
