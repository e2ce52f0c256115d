import type { Client } from './client.ts';

/** The fields of INFO by their names. */
export type ServerInfo = ReadonlyMap<string, string>;

export async function readInfo({ ask }: Pick<Client, 'ask'>): Promise<ServerInfo> {
  const lines = (await ask(['INFO'])).split(/\r?\n/);
  return new Map(
    lines.flatMap((line) => {
      const colon = line.indexOf(':');
      return line.startsWith('#') || colon < 0
        ? []
        : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
}

/** How many keys each database has that has any, as `db0`. */
export function keysByDatabase(info: ServerInfo): Map<string, number> {
  return new Map(
    [...info].flatMap(([name, value]) => {
      const keys = /^keys=(\d+)/.exec(value)?.[1];
      return /^db\d+$/.test(name) && keys !== undefined ? [[name, Number(keys)] as const] : [];
    }),
  );
}

/** Whether the server is making an RDB for somebody, or sending one. */
export function isSending(info: ServerInfo): boolean {
  if (info.get('rdb_bgsave_in_progress') === '1') return true;
  return [...info].some(
    ([name, value]) => /^slave\d+$/.test(name) && /state=(wait_bgsave|send_bulk)/.test(value),
  );
}
