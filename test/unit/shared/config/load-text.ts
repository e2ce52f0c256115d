import assert from 'node:assert/strict';
import { loadConfig } from '../../../../src/shared/config/load.ts';
import type { Config } from '../../../../src/shared/config/schema.ts';
import { BackupDataError } from '../../../../src/shared/errors.ts';

export interface Given {
  env?: Record<string, string>;
  /** Other files, by absolute path. */
  files?: Record<string, string | Buffer>;
}

/** Loads `text` as /etc/backup/backupdata.yaml. */
export function loadText(text: string | Buffer, { env = {}, files = {} }: Given = {}): Promise<Config> {
  return loadConfig({
    file: 'backupdata.yaml',
    env,
    cwd: '/etc/backup',
    readFile: readFrom({ ...files, '/etc/backup/backupdata.yaml': text }),
  });
}

/** A `readFile` over files in memory. */
export function readFrom(
  files: Record<string, string | Buffer>,
): (path: string, limit: number) => Promise<Buffer> {
  return async (path, limit) => {
    const file = Object.hasOwn(files, path) ? files[path] : undefined;
    if (file === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return Buffer.from(file).subarray(0, limit);
  };
}

/** The error of a configuration that must be refused. */
export async function refusalOf(loading: Promise<unknown>): Promise<BackupDataError> {
  try {
    await loading;
  } catch (error) {
    assert.ok(error instanceof BackupDataError, `not one of our errors: ${String(error)}`);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error;
  }
  assert.fail('the configuration was taken');
}

/** The lines of that error's message. */
export async function problemsOf(loading: Promise<unknown>): Promise<string[]> {
  return (await refusalOf(loading)).message.split('\n');
}

/** A configuration with one database; `more` are further lines of that database. */
export function withDatabase(more = '', url = 'postgres://app:pw-1234@db.example:5432/shop'): string {
  return `storages:\n  main: { type: local, path: ./backups }\ndatabases:\n  shop:\n    engine: postgres\n    url: ${url}\n${more}`;
}
