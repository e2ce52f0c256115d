import { Secret } from '../secret.ts';
import { keyOf } from './positions.ts';
import type { Path } from './problems.ts';

/** A shorter one would mask ordinary words all over a log. */
const shortest = 4;

/** Every secret value in `value`, longest first; `files` are file contents by the path of the text they went into. */
export function collectSecrets(value: unknown, files: ReadonlyMap<string, readonly string[]>): string[] {
  const found = secretsIn(value, []).flatMap(({ path, text }) => [
    ...secretsOfUrl(text),
    ...(files.get(keyOf(path)) ?? []),
  ]);
  const long = found.filter((text) => text.length >= shortest);
  return [...new Set(long)].sort((a, b) => b.length - a.length);
}

/** The whole URL and every password in it, as it is written and decoded. */
export function secretsOfUrl(url: string): string[] {
  const raw = /^[^/?#]*:\/\/[^:@/?#]*:(.*)@/s.exec(url)?.[1];
  const passwords = [raw, ...passwordsOf(url)].filter((text) => text !== undefined);
  return [url, ...passwords.flatMap((text) => [text, decoded(text)])];
}

function secretsIn(value: unknown, path: Path): { path: Path; text: string }[] {
  if (value instanceof Secret) return [{ path, text: value.reveal() }];
  if (typeof value !== 'object' || value === null) return [];
  const list = Array.isArray(value);
  return Object.entries(value).flatMap(([key, each]) => secretsIn(each, [...path, list ? Number(key) : key]));
}

/** Also those that PostgreSQL takes as parameters. */
function passwordsOf(url: string): string[] {
  if (!URL.canParse(url)) return [];
  const { password, search, searchParams } = new URL(url);
  const named = [...searchParams].filter(([name]) => /pass/i.test(name)).map(([, value]) => value);
  const raw = [...search.matchAll(/[?&][^=&]*pass[^=&]*=([^&]*)/gi)].map((match) => match[1] ?? '');
  return [password, ...named, ...raw];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
