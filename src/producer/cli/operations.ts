import type { Call, Operations } from '../operations/contract.ts';
import type { CliContext } from './context.ts';

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
  const { createOperations } = await import('../operations/operations.ts');
  const loaded = { config: await context.config(), resources: await context.resources() };
  const queues = here ? null : await openLazily(context);
  const cache = here ? undefined : await openCache(context);
  const { clock, wait, signal } = context;
  const operations = createOperations({ current: () => loaded, queues, cache, clock, wait });
  const call = { signal, by: context.host.env.USER ?? 'the command line', sees: () => true };
  try {
    return await use({ operations, call, origin: loaded.config.origin });
  } finally {
    cache?.close();
    await queues?.close();
  }
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
