/** How much a benchmark moves. Dump sizes in bytes of `pg_dump -Fc -Z0`. */
export interface Size {
  name: 'small' | 'full';
  largeDump: number;
  smallDump: number;
  /** Bytes of the SQLite file, and about those of the RDB and of MariaDB's SQL. */
  sqliteFile: number;
  rdb: number;
  mariadbDump: number;
  /** Databases of a few kB each. */
  fleet: number;
  /** Backups in the storage that is listed. */
  listed: number;
  /** Databases with a schedule, and how many of them are due in the same minute. */
  scheduled: number;
  due: number;
  /** Bytes that cannot be compressed, for a slow store. */
  noise: number;
  /** Runs of each contender, unless `--runs` says otherwise. */
  runs: {
    job: number;
    gzip: number;
    memory: number;
    latency: number;
    fleet: number;
    list: number;
    schedules: number;
    restore: number;
  };
}

const mega = 1_000_000;

/** `full` is what the targets are about; `small` tries the benchmark itself, and its ratios mean nothing. */
export const sizes: Readonly<Record<Size['name'], Size>> = {
  full: {
    name: 'full',
    largeDump: 1_650 * mega,
    smallDump: 200 * mega,
    sqliteFile: 500 * mega,
    rdb: 300 * mega,
    mariadbDump: 500 * mega,
    fleet: 200,
    listed: 1_000,
    scheduled: 10_000,
    due: 1_000,
    noise: 256 * 2 ** 20,
    runs: { job: 5, gzip: 2, memory: 3, latency: 20, fleet: 3, list: 5, schedules: 3, restore: 3 },
  },
  small: {
    name: 'small',
    largeDump: 60 * mega,
    smallDump: 8 * mega,
    sqliteFile: 20 * mega,
    rdb: 12 * mega,
    mariadbDump: 60 * mega,
    fleet: 12,
    listed: 40,
    scheduled: 200,
    due: 20,
    noise: 16 * 2 ** 20,
    runs: { job: 2, gzip: 1, memory: 1, latency: 5, fleet: 1, list: 2, schedules: 1, restore: 1 },
  },
};

/** The same size with every contender run so many times. */
export function withRuns(size: Size, runs: number | undefined): Size {
  if (runs === undefined) return size;
  const changed = {
    job: runs,
    gzip: Math.min(runs, size.runs.gzip),
    memory: runs,
    latency: runs,
    fleet: runs,
    list: runs,
    schedules: Math.min(runs, size.scheduled / size.due),
    restore: runs,
  };
  return { ...size, runs: changed };
}
