import type { DatabaseConfig } from '../../shared/config/schema.ts';
import type { OperationsContext } from './context.ts';
import type { Call, RequestOf, ResponseOf } from './contract.ts';
import type { DatabaseDocument } from './documents.ts';

/**
 * What the configuration says of its databases and servers, in its order; or of some, and of databases on a server, which have no
 * schedule of their own.
 * DATABASE_UNKNOWN for the first that it does not have.
 */
export async function listDatabases(
  { current }: OperationsContext,
  { names }: RequestOf<'listDatabases'>,
  { sees }: Call,
): Promise<ResponseOf<'listDatabases'>> {
  const { config, resources } = current();
  const { databases, servers } = config;
  // An empty list says no more than none: by gRPC the two are the same.
  if (names?.length) {
    const named = [...new Set(names)].map((name) => servers.get(name) ?? resources.database(name));
    return {
      databases: named.map((each) =>
        'template' in each
          ? documentOf(each.template, 'server')
          : { ...documentOf(each, 'database'), ...(databases.has(each.name) ? {} : { schedule: null }) },
      ),
    };
  }
  const described = [
    ...[...databases.values()].map((each) => documentOf(each, 'database')),
    ...[...servers.values()].map(({ template }) => documentOf(template, 'server')),
  ];
  return { databases: described.filter(({ name }) => sees(name)) };
}

function documentOf(
  { name, engine, storage, pool, schedule, timezone }: DatabaseConfig,
  kind: DatabaseDocument['kind'],
): DatabaseDocument {
  return { name, kind, engine, storage, pool, schedule, timezone };
}
