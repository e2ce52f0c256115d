/** Whose server or program it is. Both speak one protocol; their programs know different options. */
export type Flavour = 'mysql' | 'mariadb';

export const products = { mysql: 'MySQL', mariadb: 'MariaDB' } as const;

/** MariaDB says so in its version, which both products write into a dump and a manifest. */
export function flavourOf(version: string): Flavour {
  return /mariadb/i.test(version) ? 'mariadb' : 'mysql';
}

/** Whether its series, the first two numbers of the version, is the other's or a later one. */
export function isAsNew(version: string, other: string): boolean {
  const series = (text: string): string => text.split('.').slice(0, 2).join('.');
  return compareVersions(series(version), series(other)) >= 0;
}

/** By the numbers, as `10.4` is before `10.11`; what is behind them does not count. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map(
    (version) => /^\d+(?:\.\d+)*/.exec(version)?.[0].split('.').map(Number) ?? [],
  );
  for (let at = 0; at < Math.max(left?.length ?? 0, right?.length ?? 0); at += 1) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What a program of either product says of itself with `--version`; undefined for anything else. */
export function readVersion(text: string): { flavour: Flavour; version: string } | undefined {
  const version = /\b(?:Distrib|from) (\d+\.\d+(?:\.\d+)?)/.exec(text) ?? /\bVer (\d+\.\d+\.\d+)/.exec(text);
  if (version?.[1] === undefined) return undefined;
  return { flavour: /mariadb/i.test(text) ? 'mariadb' : 'mysql', version: version[1] };
}

/** Whether a client knows the line that a newer mariadb-dump begins with. Others take it for a command, and end. */
export function knowsSandbox({ flavour, version }: { flavour: Flavour; version: string }): boolean {
  const since = ['10.5.25', '10.6.18', '10.11.8', '11.0.6', '11.1.5', '11.2.4', '11.4.2'];
  if (flavour !== 'mariadb') return false;
  const series = version.split('.').slice(0, 2).join('.');
  const first = since.find((each) => each.startsWith(`${series}.`));
  return compareVersions(version, first ?? '11.5') >= 0;
}
