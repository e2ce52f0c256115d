const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const byteUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const printedUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Whole milliseconds of `500ms`, `10s`, `5m`, `26h`, `14d` or of a number of milliseconds; undefined for anything else. */
export function parseDuration(value: string | number): number | undefined {
  return parseQuantity(value, durationUnits);
}

/** Whole bytes of `64GiB`, `8MiB`, `500MB`, `1kB` or of a number of bytes; undefined for anything else. */
export function parseBytes(value: string | number): number | undefined {
  return parseQuantity(value, byteUnits);
}

/** Bytes as `0 B`, `1.5 GiB`, `64 GiB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (roundToTenth(amount) >= 1024 && unit < printedUnits.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${roundToTenth(amount)} ${printedUnits[unit]}`;
}

/** Milliseconds as `0.8s`, `4m12s`, `1h03m`. */
export function formatDuration(milliseconds: number): string {
  const tenths = Math.round(milliseconds / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)}s`;
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${twoDigits(seconds % 60)}s`;
  const minutes = Math.round(milliseconds / 60_000);
  return `${Math.floor(minutes / 60)}h${twoDigits(minutes % 60)}m`;
}

/** Milliseconds as the configuration writes them: `30d`, `26h`, `90m`, in the largest unit that leaves no rest. */
export function formatExactDuration(milliseconds: number): string {
  const units = Object.entries(durationUnits).toReversed();
  const [unit, length] = units.find(([, each]) => milliseconds % each === 0) ?? ['ms', 1];
  return `${milliseconds / length}${unit}`;
}

function parseQuantity(value: string | number, units: Readonly<Record<string, number>>): number | undefined {
  const amount = typeof value === 'number' ? value : parseText(value, units);
  if (amount === undefined || amount < 0) return undefined;
  const whole = Math.round(amount);
  return Number.isSafeInteger(whole) ? whole : undefined;
}

function parseText(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,9})?) ?([A-Za-z]{1,3})?$/.exec(text);
  if (!match) return undefined;
  const [, amount, unit] = match;
  if (unit === undefined) return Number(amount);
  return Object.hasOwn(units, unit) ? Number(amount) * (units[unit] ?? Number.NaN) : undefined;
}

function roundToTenth(amount: number): number {
  return Math.round(amount * 10) / 10;
}

function twoDigits(amount: number): string {
  return String(amount).padStart(2, '0');
}
