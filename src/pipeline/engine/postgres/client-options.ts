import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import { BackupDataError } from '../../../shared/errors.ts';
import { type Connection, isSocket } from './connection.ts';

/**
 * The connection for `pg`, as an ordered list of attempts: sslmode `prefer`, libpq's default, is first with TLS and
 * then, if the server has none, without. `connectTimeout` in milliseconds.
 */
export async function clientOptions(
  connection: Connection,
  connectTimeout: number,
): Promise<readonly ClientConfig[]> {
  const { host, port, user, database, password, parameters } = connection;
  const base: ClientConfig = {
    ...{ host, port, user, database },
    // Not empty, because `pg` would put PGOPTIONS of this process in its place, which pg_dump is not given.
    options: parameters.get('options') || ' ',
    // A function, because `pg` would put PGPASSWORD of this process in the place of an absent password.
    password: () => password?.reveal() ?? '',
    application_name: 'backupdata',
    connectionTimeoutMillis: connectTimeout,
    keepAlive: true,
    enableChannelBinding: parameters.get('channel_binding') === 'require',
  };
  const mode = isSocket(connection) ? 'disable' : (parameters.get('sslmode') ?? 'prefer');
  if (mode === 'disable') return [{ ...base, ssl: false }];
  const encrypted = { ...base, ssl: await tlsOptions(mode, parameters) };
  return mode === 'prefer' || mode === 'allow' ? [encrypted, { ...base, ssl: false }] : [encrypted];
}

/** As libpq: a root certificate turns `require` into `verify-ca`, and `system` means the roots that this machine trusts. */
async function tlsOptions(mode: string, parameters: ReadonlyMap<string, string>): Promise<ConnectionOptions> {
  const [named, cert, key] = await Promise.all(
    ['sslrootcert', 'sslcert', 'sslkey'].map((name) => certificate(name, parameters)),
  );
  const ca = parameters.has('sslrootcert') ? named : await usualRoots(mode);
  const verifies = mode.startsWith('verify-') || (mode === 'require' && ca !== undefined);
  return {
    ...{ ca, cert, key },
    rejectUnauthorized: verifies,
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  };
}

async function certificate(
  name: string,
  parameters: ReadonlyMap<string, string>,
): Promise<Buffer | undefined> {
  const path = parameters.get(name);
  if (path === undefined || (name === 'sslrootcert' && path === 'system')) return undefined;
  try {
    if (name === 'sslkey') await refuseOpenKey(path);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof BackupDataError) throw cause;
    throw new BackupDataError(
      'CONFIG_INVALID',
      `the file that ${name} of the PostgreSQL URL names, ${path}, cannot be read`,
      {
        hint: 'Check that it exists on this machine and that this user may read it.',
        cause,
      },
    );
  }
}

/** Those that libpq takes where the URL names none. CONFIG_INVALID where a mode that verifies lacks them: pg_dump would fail. */
async function usualRoots(mode: string): Promise<Buffer | undefined> {
  const path = join(homedir(), '.postgresql', 'root.crt');
  const found = await readFile(path).catch(() => undefined);
  if (found || !mode.startsWith('verify-')) return found;
  throw new BackupDataError(
    'CONFIG_INVALID',
    `the PostgreSQL URL has sslmode=${mode} and no sslrootcert, and there is no ${path}`,
    {
      hint: "Add sslrootcert=FILE, the authority's certificate; for a public authority the machine's list, such as /etc/ssl/certs/ca-certificates.crt.",
    },
  );
}

/** As libpq, which pg_dump would otherwise be the first to ask: others may not read a key; the group of root may. */
async function refuseOpenKey(path: string): Promise<void> {
  const { mode, uid } = await stat(path);
  const refused = uid === 0 ? 0o037 : 0o077;
  if ((mode & refused) === 0) return;
  throw new BackupDataError('CONFIG_INVALID', `the private key ${path} can be read by other users`, {
    hint: `Run \`chmod 600 ${path}\`; PostgreSQL's tools refuse it otherwise.`,
  });
}
