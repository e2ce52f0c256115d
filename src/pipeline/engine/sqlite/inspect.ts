import type { DatabaseConfig } from '../../../shared/config/schema.ts';
import type { EngineContext, Inspection } from '../engine.ts';
import { sourceFor } from '../source.ts';
import { readHeader } from './header.ts';
import { sqlCommand } from './shell.ts';
import { readSource, sizeBeside } from './source-file.ts';
import { needSqlite } from './tools.ts';

/** Looks at the file before sqlite3 may open it, and then whether sqlite3 can read what is in it. */
export async function inspect(database: DatabaseConfig, context: EngineContext): Promise<Inspection> {
  const { path } = sourceFor(database, ['sqlite']);
  const { version } = await needSqlite(context);
  const { bytes, writtenBy } = await readHeader(path);
  await readSource({ path, commands: [sqlCommand('SELECT count(*) FROM sqlite_schema')] }, context);
  const serverVersion = writtenBy || version;
  return {
    engine: { name: 'sqlite', serverVersion, toolVersion: version, format: 'SQLite 3' },
    source: { systemIdentifier: null, database: path },
    restore: {
      minToolVersion: serverVersion,
      encoding: '',
      collate: '',
      ctype: '',
      owner: '',
      settings: [],
      roles: [],
    },
    estimatedSourceBytes: bytes + (await sizeBeside(path, '-wal')),
    notes: [],
  };
}
