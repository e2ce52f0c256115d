import { readFile } from 'node:fs/promises';
import { BackupDataError } from '../../shared/errors.ts';
import type { Call, Operations } from '../operations/contract.ts';
import type { CliContext } from './context.ts';
import type { ServerChoice } from './server-options.ts';

/** What a verb asks for what it does. */
export interface Service {
  operations: Operations;
  call: Call;
  /** Whose configuration holds, for messages. */
  origin: string;
}

/**
 * Lets `use` work with the operations, and closes whatever they opened. Redis is connected to when an operation needs it; with
 * `here` none does.
 */
export async function withOperations<T>(
  context: CliContext,
  use: (service: Service) => Promise<T>,
  { here = false }: { here?: boolean } = {},
): Promise<T> {
  if (context.server) return withRemote(context, context.server, use);
  const { createOperations } = await import('../operations/operations.ts');
  const loaded = { config: await context.config(), resources: await context.resources() };
  const queues = here ? null : await openLazily(context);
  const cache = here ? undefined : await openCache(context);
  const { clock, wait } = context;
  const operations = createOperations({ current: () => loaded, queues, cache, clock, wait });
  try {
    return await use({ operations, call: callOf(context), origin: loaded.config.origin });
  } finally {
    cache?.close();
    await queues?.close();
  }
}

async function withRemote<T>(
  context: CliContext,
  server: ServerChoice,
  use: (service: Service) => Promise<T>,
): Promise<T> {
  const { connectRemote } = await import('../remote/remote.ts');
  const { address, authority, certificate, key, insecure } = server;
  const token = await tokenFor(context, server);
  const tls = { authority, certificate, key, insecure };
  const { operations, close } = connectRemote({ server: address, token, tls, wait: context.wait });
  try {
    return await use({ operations, call: callOf(context), origin: address });
  } finally {
    close();
  }
}

/** Never an argument: every user of a machine sees those. */
async function tokenFor({ host }: CliContext, { tokenFile }: ServerChoice): Promise<string> {
  const token =
    tokenFile === undefined ? host.env.BACKUPDATA_TOKEN : await readFile(tokenFile, 'utf8').catch(unreadable);
  if (token !== undefined && token.trim() !== '') return token.trim();
  throw new BackupDataError('USAGE', 'there is no token for --server', {
    hint: 'Set BACKUPDATA_TOKEN, or name a file that holds it: --token-file FILE.',
  });
}

function unreadable(cause: Error): never {
  throw new BackupDataError('USAGE', `the token's file cannot be read: ${cause.message}`, {
    hint: 'Name another with --token-file, or set BACKUPDATA_TOKEN.',
    cause,
  });
}

function callOf({ signal, host }: CliContext): Call {
  return { signal, by: host.env.USER ?? 'the command line', sees: () => true, namesFiles: true };
}

/** Where Redis is is looked for when it is first needed: not every verb does. */
async function openLazily(context: CliContext) {
  const config = await context.config();
  const open = async () => {
    const { openQueueAccess } = await import('../client/open.ts');
    const { findRedisUrl } = await import('./redis-url.ts');
    return openQueueAccess({ config: () => config, redisUrl: await findRedisUrl(context) });
  };
  let opening: ReturnType<typeof open> | undefined;
  let opened: Awaited<ReturnType<typeof open>> | undefined;
  return {
    session: async () => {
      opening ??= open();
      opened = await opening;
      return opened.session();
    },
    explain: (thrown: unknown) => opened?.explain(thrown) ?? thrown,
    close: async () => opened?.close(),
  };
}

/** A listing needs no Redis: without one, or with one that does not answer, it only takes longer. */
async function openCache(context: CliContext) {
  const { findRedisUrl } = await import('./redis-url.ts');
  const redisUrl = await findRedisUrl(context).catch(() => undefined);
  if (!redisUrl) return undefined;
  const { createManifestCache } = await import('../manifest-cache.ts');
  return createManifestCache({ redisUrl, installation: (await context.config()).installation });
}
