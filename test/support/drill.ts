import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DrillFacts } from '../../src/pipeline/drill.ts';
import type { ErrorDocument } from '../../src/shared/errors.ts';
import type { Installation } from './installation.ts';
import { query, type TestPostgres } from './postgres.ts';

/** A user that may log in and make databases, and nothing more: all that a drill needs. */
export interface Driller {
  user: string;
  url: string;
  /** The scratch databases that are its own now; other tests hold drills on a shared server too. */
  scratch(): Promise<string[]>;
}

export async function createDriller(server: TestPostgres): Promise<Driller> {
  const user = server.uniqueName();
  await query(server.adminUrl, `CREATE ROLE ${user} LOGIN CREATEDB PASSWORD 'drill-canary'`);
  return {
    user,
    url: server.url('postgres', user, 'drill-canary'),
    scratch: async () => {
      const rows = await query<{ name: string }>(
        server.adminUrl,
        `SELECT datname AS name FROM pg_database WHERE datname LIKE 'bkd\\_drill\\_%' AND pg_get_userbyid(datdba) = '${user}'`,
      );
      return rows.map(({ name }) => name);
    },
  };
}

/** What a verification left beside its backup. */
export interface RecordedVerification {
  key: string;
  outcome: string;
  seconds: number;
  error: ErrorDocument | null;
  drill?: DrillFacts;
}

/** The verifications of a level, the newest last. */
export async function recorded(
  { backups, stored }: Pick<Installation, 'backups' | 'stored'>,
  level: string,
): Promise<RecordedVerification[]> {
  // Whole ones: what is still being written ends in another way.
  const keys = (await stored()).filter((key) =>
    new RegExp(`\\.verified-\\w+-${level}-\\w+-\\d+s$`).test(key),
  );
  return Promise.all(
    keys.map(async (key) => ({ key, ...JSON.parse(await readFile(join(backups, key), 'utf8')) })),
  );
}

/** Backs `shop` up with a worker of its own, which is gone afterwards; gives the backup's id. */
export async function backUpShop({ start, run }: Installation): Promise<string> {
  const worker = await start(['worker']);
  const made = await run('backup', 'shop', '--json');
  if (made.code !== 0) throw new Error(made.stderr);
  await worker.stop();
  return made.json<{ runs: { backupId: string }[] }>().runs[0]?.backupId ?? '';
}

/** For `makeTools`: a pg_restore that leaves out the entries of a kind of name (a basic regular expression), and exits 0. */
export function lossyRestore(folder: string, entries: string): string {
  return `case "$*" in *--dbname*) ;; *) exec "$REAL" "$@";; esac
cat > '${folder}/lossy.dump'
"$REAL" --list '${folder}/lossy.dump' | grep -v '${entries}' > '${folder}/lossy.list'
exec "$REAL" "$@" '--use-list=${folder}/lossy.list' '${folder}/lossy.dump'`;
}
