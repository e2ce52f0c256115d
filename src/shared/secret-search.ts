/** Masks every one of some secrets in a text, however a URL or JSON would write them. */
export type MaskSecrets = (text: string, mask: string) => string;

/** What was read from one start of a text: `depth` units of each secret of `sorted` from `from` up to `to`; the next unit of the text is at `end`. */
interface Reading {
  from: number;
  to: number;
  depth: number;
  end: number;
}

/** One letter as it may be meant, and where what follows it begins. */
interface Letter {
  letter: string;
  end: number;
}

/**
 * Each letter of a secret may stand as itself, as URLs escape it, or as JSON does: encoders differ in what they escape. What a text
 * costs does not grow with the number of secrets: they are sorted, so that those which begin with what was read are neighbours.
 * A secret has at least three units.
 */
export function createSecretSearch(secrets: readonly string[]): MaskSecrets {
  // Half of a surrogate pair is written as U+FFFD by whatever encodes it as UTF-8.
  const sorted = [...new Set(secrets.flatMap((secret) => [secret, secret.toWellFormed()]))].sort();
  const mayBegin = createStarts(sorted);
  return (text, mask) => {
    let masked = '';
    let kept = 0;
    let escaped = nextEscape(text, 0);
    for (let at = 0; at < text.length; at += 1) {
      if (escaped < at) escaped = nextEscape(text, at);
      const end =
        escaped < at + startLength || mayBegin(text, at) ? endOfSecret(sorted, text, at) : undefined;
      if (end === undefined) continue;
      masked += text.slice(kept, at) + mask;
      kept = end;
      at = end - 1;
    }
    return masked + text.slice(kept);
  };
}

/** Units by which nearly every place where no secret begins is told. */
const startLength = 3;

/** Whether a secret may begin there as it is, by a hash of its first units: what shares it with one is looked at in vain. */
function createStarts(secrets: readonly string[]): (text: string, at: number) => boolean {
  const size = 2 ** Math.ceil(Math.log2(8 * secrets.length + 256));
  const hashOf = (text: string, at: number): number =>
    (text.charCodeAt(at) * 961 + text.charCodeAt(at + 1) * 31 + text.charCodeAt(at + 2)) % size;
  const starts = new Uint8Array(size);
  for (const secret of secrets) starts[hashOf(secret, 0)] = 1;
  // Too near to the end of the text there is no such number, and nothing there.
  return (text, at) => starts[hashOf(text, at)] === 1;
}

function nextEscape(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) if (isEscape(text.charCodeAt(at))) return at;
  return text.length;
}

/** `%`, `+` and a backslash. */
function isEscape(unit: number): boolean {
  return unit === 0x25 || unit === 0x2b || unit === 0x5c;
}

/** Of the longest secret that begins there. */
function endOfSecret(sorted: readonly string[], text: string, start: number): number | undefined {
  let found: number | undefined;
  let readings: readonly Reading[] = [{ from: 0, to: sorted.length, depth: 0, end: start }];
  while (readings.length > 0) {
    readings = distinct(readings.flatMap((reading) => furtherOf(sorted, text, reading)));
    // The shortest of those that begin alike comes first.
    for (const { from, depth, end } of readings)
      if (sorted[from]?.length === depth) found = Math.max(found ?? 0, end);
  }
  return found;
}

function furtherOf(sorted: readonly string[], text: string, reading: Reading): Reading[] {
  return lettersAt(text, reading.end).flatMap(({ letter, end }) => {
    let next: Reading | undefined = reading;
    for (let index = 0; next && index < letter.length; index += 1)
      next = narrowed(sorted, next, letter.charCodeAt(index));
    return next ? [{ ...next, end }] : [];
  });
}

/** Ways to read the same are gone once they meet: a row of backslashes has more than there are atoms. */
function distinct(readings: readonly Reading[]): readonly Reading[] {
  if (readings.length < 2) return readings;
  return [...new Map(readings.map((each) => [`${each.from} ${each.depth} ${each.end}`, each])).values()];
}

function narrowed(sorted: readonly string[], reading: Reading, unit: number): Reading | undefined {
  const from = firstAtLeast(sorted, reading, unit);
  const to = firstAtLeast(sorted, { ...reading, from }, unit + 1);
  return from < to ? { ...reading, from, to, depth: reading.depth + 1 } : undefined;
}

/** The first secret whose unit at that depth is at least `unit`. */
function firstAtLeast(sorted: readonly string[], { from, to, depth }: Reading, unit: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    // One that ends there has none, and comes before all others.
    const found = sorted[middle]?.charCodeAt(depth) ?? Number.NaN;
    if (found >= unit) high = middle;
    else low = middle + 1;
  }
  return low;
}

function lettersAt(text: string, at: number): Letter[] {
  if (at >= text.length) return [];
  const plain = { letter: text.charAt(at), end: at + 1 };
  const escaped = escapedAt(text, at);
  return escaped ? [plain, escaped] : [plain];
}

function escapedAt(text: string, at: number): Letter | undefined {
  switch (text.charAt(at)) {
    case '+':
      return { letter: ' ', end: at + 1 };
    case '%':
      return percentEscape(text, at);
    case '\\':
      return jsonEscape(text, at);
    default:
      return undefined;
  }
}

/** UTF-8 bytes, as their first one tells their number. */
function percentEscape(text: string, at: number): Letter | undefined {
  const digits = text.slice(at + 1, at + 3);
  const first = isHex(digits) ? Number.parseInt(digits, 16) : undefined;
  if (first === undefined) return undefined;
  const end = at + 3 * bytesFrom(first);
  try {
    return { letter: decodeURIComponent(text.slice(at, end)), end };
  } catch {
    return undefined;
  }
}

function isHex(digits: string): boolean {
  return /^[\da-f]{2}$/i.test(digits);
}

function bytesFrom(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

function jsonEscape(text: string, at: number): Letter | undefined {
  const [written] = /^\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/.exec(text.slice(at, at + 6)) ?? [];
  return written === undefined ? undefined : { letter: JSON.parse(`"${written}"`), end: at + written.length };
}
