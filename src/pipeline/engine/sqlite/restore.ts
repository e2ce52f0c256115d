import { basename, isAbsolute } from 'node:path';
import type { SourceOf } from '../../../shared/config/schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import { openReplacement } from '../../file/replace-file.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, PartReader, RestoreOptions, RestorePlan, RestoreTarget } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { fileWriter } from '../system-programs.ts';
import { checkCopy } from './copy-check.ts';
import { prepareTables } from './restore-tables.ts';
import { setAside, settle } from './target-file.ts';
import { needSqlite } from './tools.ts';

export interface RestoreRequest {
  manifest: Manifest;
  target: RestoreTarget;
  options: RestoreOptions;
  parts: PartReader;
}

/** To a file that takes the target's name once it is whole; or of chosen tables only, into what is there. */
export async function prepareRestore(
  { manifest, target, options }: RestoreRequest,
  context: EngineContext,
): Promise<RestorePlan> {
  const path = pathOf(target);
  const part = dataPartOf(manifest);
  await needSqlite(context, manifest.restore.minToolVersion);
  if (options.tables.length > 0) return prepareTables({ path, part, manifest, options }, context);
  return prepareWhole({ path, part, manifest, options }, context);
}

async function prepareWhole(
  {
    path,
    part,
    manifest,
    options,
  }: { path: string; part: ManifestPart; manifest: Manifest; options: RestoreOptions },
  context: EngineContext,
): Promise<RestorePlan> {
  const writer = await fileWriter(context);
  const keepAs = options.keepOld ? `${basename(path)}.before-${manifest.backupId}` : undefined;
  const replacement = await openReplacement({
    path,
    create: options.create,
    confirm: options.confirm,
    keepAs,
  });
  try {
    // Early, so that a database in use is refused before everything is read.
    await settle(path, context);
  } catch (error) {
    await replacement.discard();
    throw error;
  }
  return {
    part,
    stage: writer(replacement.path),
    readsAll: true,
    finish: async () => {
      await checkCopy(replacement.path, context);
      await settle(path, context);
      const sidecars = await setAside({ path, keepAs, folder: replacement.path });
      try {
        return await replacement.publish();
      } catch (error) {
        await sidecars.takeBack();
        throw error;
      }
    },
    undo: async () => {
      await replacement.discard();
      return [];
    },
  };
}

/** The database's own file where nothing else is named. */
function pathOf({ source, database }: RestoreTarget): string {
  const path = database ?? ownPath(source);
  if (isAbsolute(path)) return path;
  throw new BackupDataError(
    'USAGE',
    `the target is "${path}", and a backup of SQLite is restored to a file`,
    {
      hint: "Name the file by its absolute path; NAME//PATH is one on the worker's machine.",
    },
  );
}

function ownPath(source: RestoreTarget['source']): string {
  const { path }: SourceOf<'sqlite'> = sourceFor(source, ['sqlite']);
  return path;
}
