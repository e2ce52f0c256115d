import type { SourceOf } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, RestoreOptions, RestorePlan, RestoreTarget } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { stageOf } from './programs.ts';

/** Stands in an argument of `restore` for what was typed behind the slash of the target. */
const placeholder = '{target}';

/**
 * Through the target's own restore program. Whether its target holds anything, nobody but the program knows: so its name must
 * be typed each time.
 */
export async function prepareRestore(
  { manifest, target, options }: { manifest: Manifest; target: RestoreTarget; options: RestoreOptions },
  context: EngineContext,
): Promise<RestorePlan> {
  const source = sourceFor(target.source, ['command']);
  refuseOptions(options);
  const line = lineFor(source, target);
  const name = target.database ?? target.source?.name ?? manifest.database;
  if (options.confirm !== name) throw notConfirmed(name, options.confirm);
  const variables = { BACKUPDATA_DATABASE: manifest.database, BACKUPDATA_TARGET: name };
  return {
    part: dataPartOf(manifest),
    stage: await stageOf(line, source, { ...context, variables }),
    readsAll: true,
    finish: async () => [],
    undo: async () => [
      `"${name}" may hold a part of the backup, for what a restore program began nobody takes back`,
    ],
  };
}

function refuseOptions({ create, tables, globals, noOwner, keepOld }: RestoreOptions): void {
  const given = Object.entries({
    '--create': create,
    '--table': tables.length > 0,
    '--globals': globals,
    '--no-owner': noOwner,
    '--keep-old': keepOld,
  }).flatMap(([option, is]) => (is ? [option] : []));
  if (given.length === 0) return;
  throw new BackupDataError(
    'USAGE',
    `${given.join(', ')} can be used with no backup of a command: its restore program knows of no such thing`,
    { hint: 'Leave it out, or make a restore program of the configuration that does it.' },
  );
}

function lineFor({ restore }: SourceOf<'command'>, { source, database }: RestoreTarget): readonly string[] {
  if (!restore)
    throw new BackupDataError(
      'CONFIG_INVALID',
      `the target ${source?.name ?? ''} has no restore program in the configuration`,
      {
        hint: 'Write restore: [PROGRAM, ARGUMENT..] for it; RESTORE.md of the backup shows how to read it by hand.',
      },
    );
  const wants = restore.some((argument) => argument.includes(placeholder));
  if (wants && database === undefined)
    throw new BackupDataError('USAGE', 'the restore program of the target wants to be told where to', {
      hint: 'Write --to NAME/TARGET; TARGET is put where its arguments say {target}.',
    });
  return restore.map((argument, index) =>
    index === 0 ? argument : argument.replaceAll(placeholder, () => database ?? ''),
  );
}

function notConfirmed(name: string, typed: string | undefined): BackupDataError {
  const why =
    typed === undefined
      ? `nobody but the restore program knows whether "${name}" is empty`
      : `"${typed}" was typed as confirmation, and the target is "${name}"`;
  return new BackupDataError('TARGET_NOT_EMPTY', why, {
    hint: `To let the program write to it, type --confirm ${name}; otherwise correct the target.`,
  });
}
