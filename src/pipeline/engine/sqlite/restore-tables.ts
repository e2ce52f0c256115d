import { basename, join } from 'node:path';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest, ManifestPart } from '../../../shared/manifest.ts';
import { openReplacement, type Replacement } from '../../file/replace-file.ts';
import { sizeIfThere } from '../../file/size.ts';
import { openTemporaryFolder } from '../../file/temporary-folder.ts';
import type { EngineContext, RestoreOptions, RestorePlan } from '../engine.ts';
import { fileWriter } from '../system-programs.ts';
import { checkCopy } from './copy-check.ts';
import { failureOf } from './explain.ts';
import { runSql } from './run-sql.ts';
import { copyStatements, presentTables, refuseUnknown } from './select-tables.ts';

interface TableRequest {
  path: string;
  part: ManifestPart;
  manifest: Manifest;
  options: RestoreOptions;
}

/**
 * Reads the whole backup into a temporary file, and takes the tables from there: in one transaction of a database that is
 * there, which may be in use, or into a new file. What cannot be found is known before the target is opened for writing.
 */
export async function prepareTables(request: TableRequest, context: EngineContext): Promise<RestorePlan> {
  const { path, manifest, options, part } = request;
  refuseWrongName(request);
  const isThere = ((await sizeIfThere(path)) ?? 0) > 0;
  const replacement =
    isThere && !options.create
      ? null
      : await openReplacement({
          path,
          create: options.create,
          confirm: options.confirm,
          keepAs: undefined,
        });
  const writer = await fileWriter(context);
  const folder = await openTemporaryFolder({ bytes: manifest.estimatedSourceBytes, now: new Date() }).catch(
    async (error: unknown) => {
      await replacement?.discard();
      throw error;
    },
  );
  const copy = join(folder.path, 'data.db');
  return {
    part,
    stage: writer(copy),
    readsAll: true,
    finish: async () => {
      await checkCopy(copy, context);
      const notes = await copyTables({ ...request, copy, replacement }, context);
      await folder.remove();
      return notes;
    },
    undo: async () => {
      await folder.remove();
      await replacement?.discard();
      return [];
    },
  };
}

async function copyTables(
  { path, copy, replacement, options }: TableRequest & { copy: string; replacement: Replacement | null },
  context: EngineContext,
): Promise<readonly string[]> {
  const tables = [...new Set(options.tables)];
  await refuseUnknown(copy, tables, context);
  const target = replacement?.path ?? path;
  try {
    const present = replacement ? [] : await presentTables(path, tables, context);
    if (present.length > 0 && options.confirm === undefined) throw holdsThem(path, present);
    const statements = await copyStatements({ copy, tables, present }, context);
    await runSql({ path: target, write: true, statements }, context);
  } catch (error) {
    throw failureOf(error, { path, otherwise: 'RESTORE_FAILED' });
  }
  if (!replacement) return ['views, and keys of other tables that refer to these, were left as they were'];
  await checkCopy(target, context);
  return replacement.publish();
}

function refuseWrongName({ path, options: { confirm } }: TableRequest): void {
  if (confirm === undefined || confirm === basename(path)) return;
  throw new BackupDataError(
    'TARGET_NOT_EMPTY',
    `"${confirm}" was typed as confirmation, and the target is ${path}`,
    { hint: `To replace tables of it, type --confirm ${basename(path)}; otherwise correct the target.` },
  );
}

function holdsThem(path: string, present: readonly string[]): BackupDataError {
  return new BackupDataError('TARGET_NOT_EMPTY', `${path} has ${present.join(', ')} already`, {
    hint: `Restore to another file, or replace these tables with --confirm ${basename(path)}.`,
  });
}
