import { query, type TestPostgres } from './postgres.ts';

/** A database of that many mebibytes which do not compress, in one table: a dump of it takes a while. */
export async function createBulk(server: TestPostgres, mebibytes: number): Promise<string> {
  const database = await server.createDatabase();
  await addBulk(server.url(database), mebibytes);
  return database;
}

/** Such a table in the database of that URL. */
export async function addBulk(url: string, mebibytes: number): Promise<void> {
  await query(
    url,
    `CREATE TABLE bulk (id integer PRIMARY KEY, body bytea NOT NULL);
     INSERT INTO bulk
       SELECT i, (SELECT string_agg(sha512(convert_to(i || '.' || k, 'UTF8')), '') FROM generate_series(1, 16) k)
         FROM generate_series(1, ${mebibytes * 1024}) i;`,
  );
}

/** One more database with the same content. */
export async function copyDatabase(server: TestPostgres, original: string): Promise<string> {
  const copy = server.uniqueName();
  await query(server.adminUrl, `CREATE DATABASE ${copy} TEMPLATE ${original}`);
  return copy;
}
