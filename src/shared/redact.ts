import { createTextRedactor } from './redact-text.ts';
import { Secret } from './secret.ts';

/** Copies a value with every secret in it masked. Never throws, ends for circular values, leaves its argument alone. */
export interface Redactor {
  (value: unknown): unknown;
  text(text: string): string;
}

const mask = '[redacted]';
const maxDepth = 16;
const maxEntries = 1_000;
const maxValues = 20_000;

/** A key whose value is a secret, whatever it is; compared in lower case and without `_`, `-`, `.` and spaces. */
const secretKey =
  /pass(word|wd|phrase|code)|^pass$|pwd|secret|token|authorization|apikey|accesskey|privatekey|credential|cookie|webhook|connectionstring|^dsn$/;

interface Walk {
  text: (text: string) => string;
  stacks: boolean;
  /** What the value is inside of; a value that is met twice side by side is no circle. */
  parents: readonly object[];
  /** How many values may still be copied: a value that holds another many times, and so on, has no end in practice. */
  budget: { left: number };
}

/**
 * Masks by key, the given secrets wherever they stand in a text, and credentials in any URL. The copy is plain data
 * that JSON can hold: an error becomes its code, message, hint, cause, errors and (with `stacks`) stack.
 */
export function createRedactor(secrets: readonly string[], options: { stacks?: boolean } = {}): Redactor {
  const text = createTextRedactor(secrets);
  const stacks = options.stacks ?? true;
  const start = (): Walk => ({ text, stacks, parents: [], budget: { left: maxValues } });
  return Object.assign((value: unknown) => redact(start(), value), { text });
}

const made = new WeakMap<readonly string[], Redactor>();

/** The same of a list that lives on, as that of a configuration: there may be very many secrets. */
export function redactorOf(secrets: readonly string[]): Redactor {
  const redactor = made.get(secrets) ?? createRedactor(secrets);
  made.set(secrets, redactor);
  return redactor;
}

function redact(walk: Walk, value: unknown): unknown {
  walk.budget.left -= 1;
  if (walk.budget.left < 0) return '[too much]';
  try {
    return typeof value === 'object' && value !== null ? redactObject(walk, value) : redactPlain(walk, value);
  } catch {
    return '[unreadable]';
  }
}

function redactPlain({ text }: Walk, value: unknown): unknown {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'bigint' || typeof value === 'symbol') return text(String(value));
  if (typeof value === 'function') return '[function]';
  return value;
}

function redactObject(walk: Walk, value: object): unknown {
  if (value instanceof Secret) return mask;
  if (walk.parents.includes(value)) return '[circular]';
  if (walk.parents.length >= maxDepth) return '[too deep]';
  const inner = { ...walk, parents: [...walk.parents, value] };
  if (value instanceof Error) return redactError(inner, value);
  if (Array.isArray(value)) return redactList(inner, value);
  if (value instanceof Set) return redactList(inner, [...value]);
  if (value instanceof Map)
    return redactEntries(
      inner,
      [...value].map(([key, each]) => [nameOf(key), each]),
    );
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  const plain = plainForm(value);
  return plain === undefined ? redactEntries(inner, Object.entries(value)) : redact(inner, plain.value);
}

/** What a value that knows how to be printed says of itself: dates, URLs, and whatever has a toJSON. */
function plainForm(value: object): { value: unknown } | undefined {
  if (value instanceof Date) return { value: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  return 'toJSON' in value && typeof value.toJSON === 'function' ? { value: value.toJSON() } : undefined;
}

function redactError(walk: Walk, error: Error): unknown {
  const code = 'code' in error ? error.code : undefined;
  const known: [string, unknown][] = [
    ['name', code === undefined ? error.name : undefined],
    ['code', code],
    ['message', error.message],
    ['hint', 'hint' in error ? error.hint : undefined],
    ['cause', error.cause],
    ['errors', 'errors' in error && Array.isArray(error.errors) ? error.errors : undefined],
    ['stack', walk.stacks ? error.stack : undefined],
  ];
  return redactEntries(
    walk,
    known.filter(([, value]) => value !== undefined && value !== null),
  );
}

function redactList(walk: Walk, list: readonly unknown[]): unknown[] {
  const shown = list.slice(0, maxEntries).map((each) => redact(walk, each));
  return list.length > maxEntries ? [...shown, `[${list.length - maxEntries} more]`] : shown;
}

/** `Object.fromEntries` defines its keys, so that `__proto__` is one like any other. */
function redactEntries(
  walk: Walk,
  entries: readonly (readonly [string, unknown])[],
): Record<string, unknown> {
  const shown = entries
    .slice(0, maxEntries)
    .map(([key, value]) => [walk.text(key), isSecret(key, value) ? mask : redact(walk, value)] as const);
  const hidden = entries.length - shown.length;
  return Object.fromEntries(hidden > 0 ? [...shown, ['…', `[${hidden} more]`]] : shown);
}

/** Whether a secret is there at all may be told: nothing, an empty text and yes or no stay. */
function isSecret(key: string, value: unknown): boolean {
  if (value === undefined || value === null || value === '' || typeof value === 'boolean') return false;
  return secretKey.test(key.toLowerCase().replaceAll(/[_\-. ]/g, ''));
}

function nameOf(key: unknown): string {
  return typeof key === 'object' && key !== null ? '[object]' : String(key);
}
