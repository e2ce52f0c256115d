import { resolve } from 'node:path';
import type { Resources } from '../../pipeline/resources.ts';
import type { DatabaseConfig, Source } from '../../shared/config/schema.ts';
import { sourceOfUrl } from '../../shared/config/source-schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { Secret } from '../../shared/secret.ts';

/** Where a restore goes, as it was written: a configured database's server (by a worker, or here), a URL or a file (here). */
export type ParsedTarget =
  | { kind: 'configured'; name: string; database: string | undefined }
  | { kind: 'url'; source: Source & { url: Secret }; database: undefined }
  | { kind: 'file'; source: null; database: string };

/** The same, for the pipeline. */
export type Target =
  | { kind: 'configured'; source: DatabaseConfig; database: string | undefined }
  | Exclude<ParsedTarget, { kind: 'configured' }>;

/** `NAME`, `NAME/dbname`, a URL without a password, or a path that begins with `/`, `./` or `../`. Throws USAGE. */
export function parseTarget(options: {
  text: string;
  env: Readonly<Record<string, string | undefined>>;
}): ParsedTarget {
  const { text, env } = options;
  if (text.includes('://')) return { kind: 'url', source: sourceOf(text, env), database: undefined };
  if (/^\.{0,2}\//.test(text)) return { kind: 'file', source: null, database: resolve(text) };
  const slash = text.indexOf('/');
  const name = slash < 0 ? text : text.slice(0, slash);
  const database = slash < 0 ? undefined : text.slice(slash + 1);
  if (database === '')
    throw new BackupDataError('USAGE', `"${text}" names no database after the slash`, {
      hint: 'Write NAME or NAME/DBNAME.',
    });
  return { kind: 'configured', name, database };
}

/** Throws DATABASE_UNKNOWN where the configuration has no database of that name. */
export function resolveTarget(target: ParsedTarget, resources: Pick<Resources, 'database'>): Target {
  if (target.kind !== 'configured') return target;
  const { name, database } = target;
  return { kind: 'configured', source: resources.database(name), database };
}

/** For messages: never holds a password. */
export function describeTarget(target: ParsedTarget): string {
  if (target.kind === 'file') return target.database;
  if (target.kind === 'configured')
    return target.database === undefined ? target.name : `${target.name}/${target.database}`;
  const url = new URL(target.source.url.reveal());
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function sourceOf(text: string, env: Readonly<Record<string, string | undefined>>): Source & { url: Secret } {
  const source = sourceOfUrl(text);
  if (!source || !('url' in source))
    throw new BackupDataError('USAGE', 'the target is not a URL that can be read', {
      hint: 'Write postgres://USER@HOST:PORT/DATABASE, or mysql:// or mariadb:// in its place.',
    });
  const url = new URL(text);
  const variable = source.engine === 'postgres' ? 'PGPASSWORD' : 'MYSQL_PWD';
  if (url.password !== '') {
    throw new BackupDataError(
      'USAGE',
      'the target URL holds a password, which every user of this machine can see in the process list',
      {
        hint: `Leave it out of the URL and put it into ${variable}.`,
      },
    );
  }
  const password = env[variable];
  if (password !== undefined) url.password = encodeURIComponent(password);
  return { ...source, url: new Secret(url.href) };
}
