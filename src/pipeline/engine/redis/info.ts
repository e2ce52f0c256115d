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

/** What a server does for whoever asked for its data: writes an RDB or is about to, only sends one, or nothing. */
export function dumping(info: ServerInfo): 'making' | 'sending' | 'nothing' {
  const isAny = (state: string): boolean =>
    [...info].some(([name, value]) => /^slave\d+$/.test(name) && value.includes(`state=${state}`));
  if (info.get('rdb_bgsave_in_progress') === '1' || isAny('wait_bgsave')) return 'making';
  return isAny('send_bulk') ? 'sending' : 'nothing';
}
