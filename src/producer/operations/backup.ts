import { type OperationsContext, sessionOf } from './context.ts';
import type { RequestOf, ResponseOf } from './contract.ts';

/** Enqueues a run of a database; of a server, the look which databases it has, which enqueues a run of each. */
export async function startBackup(
  context: OperationsContext,
  { database: name }: RequestOf<'backup'>,
): Promise<ResponseOf<'backup'>> {
  const { config, resources } = context.current();
  const server = config.servers.get(name);
  const database = server ? undefined : resources.database(name);
  const { client } = await sessionOf(context);
  if (database) return { ...(await client.backup(database)), database: name, kind: 'backup' };
  return { ...(await client.discover(resources.server(name))), database: name, kind: 'discover' };
}
