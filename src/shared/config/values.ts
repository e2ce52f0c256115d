import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { isDatabaseName, isName } from '../ids.ts';
import { Secret } from '../secret.ts';
import { parseBytes, parseDuration } from './units.ts';

/** The longest time that a timer of Node keeps; a longer one would fire at once. */
const longestTimer = 2_147_483_647;

/** `10s`, `5m`, `26h`, `14d`, or a number of milliseconds; milliseconds once parsed. For timers. */
export const duration = z.union([z.string(), z.number()]).transform((value, context) => {
  const milliseconds = parseDuration(value);
  if (milliseconds !== undefined && milliseconds <= longestTimer) return milliseconds;
  const message =
    milliseconds === undefined ? 'not a duration; write 500ms, 10s, 5m, 26h or 14d' : 'must be at most 24d';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** A duration that ends something, so that none of it would end it at once. */
export const limit = duration.refine((milliseconds) => milliseconds > 0, { message: 'must be more than 0' });

/** An age, which no timer waits for: of any length. Milliseconds once parsed. */
export const age = z.union([z.string(), z.number()]).transform((value, context) => {
  const milliseconds = parseDuration(value);
  if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
  context.addIssue({ code: 'custom', message: 'not an age; write 26h, 14d or 365d' });
  return z.NEVER;
});

/** `64GiB`, `8MiB`, `500MB`, or a number of bytes; bytes once parsed. */
export const bytes = z.union([z.string(), z.number()]).transform((value, context) => {
  const count = parseBytes(value);
  if (count !== undefined) return count;
  context.addIssue({ code: 'custom', message: 'not a size; write 64GiB, 8MiB or a number of bytes' });
  return z.NEVER;
});

export const name = z.string().refine(isName, {
  message: 'not a valid name; use a-z, 0-9, "_", "." and "-", at most 63, starting with a letter or digit',
});

/** Of an entry, or of one of the databases of a server. */
export const databaseName = z.string().refine(isDatabaseName, {
  message: 'not the name of a database; write NAME, or SERVER.NAME as `backupdata list` shows it',
});

/** A line break in a path or URL comes from a file with one line too many, and some programs would drop it silently. */
export const text = printable(z.string().min(1));

/**
 * A program and its arguments, which never go through a shell; an argument may be empty. Relative to what folder a path is,
 * nobody could tell.
 */
export const programLine = z
  .array(printable(z.string()))
  .refine(([program]) => program !== '', { path: [0], message: 'must not be empty' })
  .refine(([program = '']) => isAbsolute(program) || !program.includes('/'), {
    path: [0],
    message: 'not a program; write its name alone, for the search path, or its absolute path',
  });

/** Of a web page, without a slash at its end once parsed. */
export const httpAddress = text
  .refine((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol), {
    message: 'not an address; write https://HOST or https://HOST/PATH',
  })
  .transform((url) => url.replace(/\/+$/, ''));

export const secretText = text.transform((value) => new Secret(value));

/** An IANA time zone that this Node knows. */
export const timeZone = text.refine(isTimeZone, {
  message: 'not a time zone; write UTC or a name such as Europe/Berlin',
});

function printable(schema: z.ZodString): z.ZodString {
  return schema.refine((value) => !/\p{Cc}/u.test(value), {
    message: 'has a line break or another control character in it',
  });
}

function isTimeZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}
