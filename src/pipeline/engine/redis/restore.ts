import { isAbsolute } from 'node:path';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Manifest } from '../../../shared/manifest.ts';
import { openReplacement } from '../../file/replace-file.ts';
import { dataPartOf } from '../data-part.ts';
import type { EngineContext, PartReader, RestoreOptions, RestorePlan, RestoreTarget } from '../engine.ts';
import { fileWriter } from '../system-programs.ts';
import { checkRdb } from './rdb-file.ts';
import { needProgram } from './tools.ts';

export interface RestoreRequest {
  manifest: Manifest;
  target: RestoreTarget;
  options: RestoreOptions;
  parts: PartReader;
}

/** To a file that a server starts from: one that runs takes no RDB, and writes its own over it when it ends. */
export async function prepareRestore(
  { manifest, target, options }: RestoreRequest,
  context: EngineContext,
): Promise<RestorePlan> {
  if (options.tables.length > 0)
    throw new BackupDataError('USAGE', 'Redis has no tables, and its backup is restored as a whole', {
      hint: 'Leave --table out; start a server of its own from the restored file and copy the keys from there.',
    });
  const path = pathOf(target);
  const part = dataPartOf(manifest);
  await needProgram('check-rdb', context);
  const writer = await fileWriter(context);
  const replacement = await openReplacement({
    path,
    create: options.create,
    confirm: options.confirm,
    keepAs: options.keepOld ? keptName(path, manifest) : undefined,
    now: new Date(),
  });
  return {
    part,
    stage: writer(replacement.path),
    readsAll: true,
    finish: async () => {
      const { databases } = await checkRdb(replacement.path, context);
      return [...(await replacement.publish()), ...needOf(databases), ...advice];
    },
    undo: async () => {
      await replacement.discard();
      return [];
    },
  };
}

function pathOf({ source, database }: RestoreTarget): string {
  if (database !== undefined && isAbsolute(database)) return database;
  const named = database === undefined ? 'a server' : `"${database}"`;
  throw new BackupDataError('USAGE', `the target is ${named}, and a backup of Redis is restored to a file`, {
    hint:
      source === null
        ? 'Name the file by its absolute path.'
        : "Write NAME//PATH for a file on the worker's machine; then stop the server, put the file in its place and start it.",
  });
}

function keptName(path: string, { backupId }: Manifest): string {
  return `${path.slice(path.lastIndexOf('/') + 1)}.before-${backupId}`;
}

/** What a server has by default. */
const usualDatabases = 16;

function needOf(databases: number): string[] {
  if (databases <= usualDatabases) return [];
  return [
    `it has a database ${databases - 1}: a server starts from it only with databases ${databases} or more`,
  ];
}

const advice = [
  'a server reads it only at its start, as dbfilename in its dir: stop the server before the file is put there, or it writes its own over it',
  'with appendonly yes it would start empty and write over the file: start it with appendonly no, then CONFIG SET appendonly yes',
  'the user that the server runs as must be able to read the file',
];
