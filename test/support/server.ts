import { type ConfigChanges, type Installation, withInstallation } from './installation.ts';
import { query, startPostgres, type TestPostgres } from './postgres.ts';

/** A PostgreSQL of its own, because all of its databases are looked at, and an installation that backs all of it up as `main`. */
export interface WholeServer {
  installation: Installation;
  server: TestPostgres;
  /** Runs SQL as the superuser, in that database or in `postgres`. */
  sql(text: string, database?: string): Promise<void>;
  /** Makes a database of exactly that name, with a table `things` of one row: the name. */
  create(name: string): Promise<void>;
  /** Writes the configuration: `discover` and whatever else is said of the server. */
  configure(main?: Record<string, unknown>, changes?: Partial<ConfigChanges>): Promise<void>;
}

export async function withWholeServer(use: (whole: WholeServer) => Promise<void>): Promise<void> {
  const server = await startPostgres();
  const sql = async (text: string, database = 'postgres'): Promise<void> => {
    await query(server.url(database), text);
  };
  try {
    await withInstallation((installation) =>
      use({
        installation,
        server,
        sql,
        create: async (name) => {
          await sql(`create database "${name.replaceAll('"', '""')}"`);
          await sql(`create table things as select current_database()::text as name`, name);
        },
        configure: ({ discover = {}, ...main } = {}, changes = {}) => {
          const whole = { url: server.adminUrl, ...(discover as object) };
          return installation.configure({
            ...changes,
            databases: { main: { engine: 'postgres', discover: whole, ...main }, ...changes.databases },
          });
        },
      }),
    );
  } finally {
    await server.stop();
  }
}
