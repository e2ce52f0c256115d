import type { LogLevel } from './config/environment.ts';

/** One line of the log, redacted. */
export interface LogLine {
  time: Date;
  level: LogLevel;
  message: string;
  fields: Readonly<Record<string, unknown>>;
}

const reserved = new Set(['time', 'level', 'message']);
const colours = { error: 31, warn: 33, info: 32, debug: 90 } as const satisfies Record<LogLevel, number>;

/** One JSON object: time (RFC 3339, UTC, milliseconds), level, message, and the fields; `message` among those becomes `field.message`. */
export function renderJson({ time, level, message, fields }: LogLine): string {
  const renamed = Object.entries(fields).map(([key, value]) => [
    reserved.has(key) ? `field.${key}` : key,
    value,
  ]);
  return JSON.stringify({ time: time.toISOString(), level, message, ...Object.fromEntries(renamed) });
}

/** One line for a terminal: time, level, message, key=value. What could move the cursor is escaped. */
export function renderPretty(options: { colours: boolean }): (line: LogLine) => string {
  return ({ time, level, message, fields }) => {
    const shown = level.toUpperCase().padEnd(5);
    const label = options.colours ? `\u001b[${colours[level]}m${shown}\u001b[0m` : shown;
    const pairs = flatten('', fields).map(([key, value]) => `${quote(key)}=${quote(value)}`);
    return [time.toISOString(), label, escapeControls(message), ...pairs].join(' ');
  };
}

/** `{ error: { code: 'X' } }` as `error.code`. */
function flatten(prefix: string, fields: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(fields).flatMap(([key, value]): [string, string][] => {
    if (value === undefined) return [];
    if (typeof value === 'string') return [[prefix + key, value]];
    if (typeof value !== 'object' || value === null) return [[prefix + key, String(value)]];
    return Array.isArray(value)
      ? [[prefix + key, JSON.stringify(value)]]
      : flatten(`${prefix}${key}.`, Object.fromEntries(Object.entries(value)));
  });
}

function quote(text: string): string {
  return /^[^\s"=\\]+$/.test(text) && escapeControls(text) === text
    ? text
    : escapeControls(JSON.stringify(text));
}

function escapeControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (control) =>
    control === '\n' ? '\\n' : `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
