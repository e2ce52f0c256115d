import type { Resources } from '../../pipeline/resources.ts';
import type { Config, DatabaseConfig } from '../../shared/config/schema.ts';
import { BackupDataError } from '../../shared/errors.ts';
import { Secret } from '../../shared/secret.ts';

/** Where a restore goes: a configured database's server (by a worker, or here), or a URL (here). */
export type Target =
  | { kind: 'configured'; configured: DatabaseConfig; url: Secret; database: string | undefined }
  | { kind: 'url'; url: Secret; database: undefined };

/** `NAME`, `NAME/dbname`, or a URL without a password. Throws USAGE or DATABASE_UNKNOWN. */
export function parseTarget(options: {
  text: string;
  config: Config;
  resources: Resources;
  password: string | undefined;
}): Target {
  const { text, resources, password } = options;
  if (text.includes('://')) return { kind: 'url', url: urlOf(text, password), database: undefined };
  const slash = text.indexOf('/');
  const configured = resources.database(slash < 0 ? text : text.slice(0, slash));
  const database = slash < 0 ? undefined : text.slice(slash + 1);
  if (database === '')
    throw new BackupDataError('USAGE', `"${text}" names no database after the slash`, {
      hint: 'Write NAME or NAME/DBNAME.',
    });
  return { kind: 'configured', configured, url: configured.url, database };
}

/** For messages: never holds a password. */
export function describeTarget(target: Target): string {
  if (target.kind === 'configured')
    return target.database === undefined
      ? target.configured.name
      : `${target.configured.name}/${target.database}`;
  const url = new URL(target.url.reveal());
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function urlOf(text: string, password: string | undefined): Secret {
  if (!URL.canParse(text))
    throw new BackupDataError('USAGE', 'the target is not a URL that can be read', {
      hint: 'Write postgres://USER@HOST:PORT/DATABASE.',
    });
  const url = new URL(text);
  if (url.password !== '') {
    throw new BackupDataError(
      'USAGE',
      'the target URL holds a password, which every user of this machine can see in the process list',
      {
        hint: 'Leave it out of the URL and put it into PGPASSWORD.',
      },
    );
  }
  if (password !== undefined) url.password = encodeURIComponent(password);
  return new Secret(url.href);
}
