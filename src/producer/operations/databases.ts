import type { DatabaseConfig } from '../../shared/config/schema.ts';
import type { OperationsContext } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import type { DatabaseDocument } from './documents.ts';
import { pageInOrder } from './page.ts';

/**
 * What the configuration says of its databases and servers, in its order; or of some, and of databases on a server, which have no
 * schedule of their own.
 * DATABASE_UNKNOWN for the first that it does not have.
 */
export async function listDatabases(
  context: OperationsContext,
  { names, limit, after }: RequestOf<'listDatabases'>,
  { sees }: Call,
): Promise<ResponseOf<'listDatabases'>> {
  // An empty list says no more than none: by gRPC the two are the same.
  const items = names?.length ? named(context, names) : configured(context).filter(({ name }) => sees(name));
  const { page, next } = pageInOrder({ items, limit, after });
  return { databases: page, next };
}

function configured({ current }: OperationsContext): DatabaseDocument[] {
  const { databases, servers } = current().config;
  return [
    ...[...databases.values()].map((each) => documentOf(each, 'database')),
    ...[...servers.values()].map(({ template }) => documentOf(template, 'server')),
  ];
}

function named({ current }: OperationsContext, names: readonly string[]): DatabaseDocument[] {
  const { config, resources } = current();
  return [...new Set(names)].map((name) => {
    const server = config.servers.get(name);
    if (server) return documentOf(server.template, 'server');
    const document = documentOf(resources.database(name), 'database');
    return config.databases.has(name) ? document : { ...document, schedule: null };
  });
}

function documentOf(
  { name, engine, storage, pool, schedule, timezone }: DatabaseConfig,
  kind: DatabaseDocument['kind'],
): DatabaseDocument {
  return { name, kind, engine, storage, pool, schedule, timezone };
}
