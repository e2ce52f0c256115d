import { basename, dirname, isAbsolute, join } from 'node:path';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { openReplacement } from '../../file/replace-file.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, PartReader, RestoreOptions, RestorePlan, RestoreTarget } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { fileWriter } from '../system-programs.ts';
import { checkDatabase } from './database-file.ts';
import { copyTables } from './restore-tables.ts';
import { refuseInUse, settle, whileUnchanged, withoutSidecars } from './target-file.ts';
import { needSqlite } from './tools.ts';

export interface RestoreRequest {
  manifest: Manifest;
  target: RestoreTarget;
  options: RestoreOptions;
  parts: PartReader;
}

/**
 * To a file beside the target, which takes its name once it is whole and was checked. There are no roles and no owners
 * in a database of SQLite, so `globals` and `noOwner` change nothing.
 */
export async function prepareRestore(
  { manifest, target, options }: RestoreRequest,
  context: EngineContext,
): Promise<RestorePlan> {
  const path = pathOf(target);
  const part = dataPartOf(manifest);
  await needSqlite(context);
  const writer = await fileWriter(context);
  const keepAs = options.keepOld ? `${basename(path)}.before-${manifest.backupId}` : undefined;
  const replacement = await openReplacement({
    path,
    create: options.create,
    confirm: options.confirm,
    keepAs,
    now: new Date(),
  });
  const { tables } = options;
  const received = tables.length > 0 ? join(dirname(replacement.path), 'backup.db') : replacement.path;
  const undo = async (): Promise<readonly string[]> => {
    await replacement.discard();
    return [];
  };
  try {
    await refuseInUse(path, context);
  } catch (error) {
    await undo();
    throw error;
  }
  return {
    part,
    stage: writer(received),
    readsAll: true,
    finish: async () => {
      await checkDatabase({ path: received, depth: 'quick_check' }, context);
      await settle(path, context);
      if (tables.length > 0) {
        const request = { from: received, base: path, to: replacement.path, tables };
        await whileUnchanged(path, () => copyTables(request, context), context);
      }
      const beside =
        keepAs === undefined ? join(dirname(replacement.path), 'old') : join(dirname(path), keepAs);
      return withoutSidecars(path, beside, replacement.publish);
    },
    undo,
  };
}

function pathOf({ source, database }: RestoreTarget): string {
  const path = database ?? sourceFor(source, ['sqlite']).path;
  if (isAbsolute(path)) return path;
  throw new BackupDataError(
    'USAGE',
    `the target is "${path}", and a backup of SQLite is restored to a file`,
    {
      hint: "Write NAME//PATH, or the file's absolute path.",
    },
  );
}
