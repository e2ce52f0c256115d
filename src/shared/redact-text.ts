import { createSecretSearch } from './secret-search.ts';

const mask = '[redacted]';

/** A shorter one would mask ordinary words. */
const shortestSecret = 4;

/** Masks the given secrets, however a URL or JSON would write them, and every credential that can be told by its form. */
export function createTextRedactor(secrets: readonly string[]): (text: string) => string {
  const maskSecrets = createSecretSearch(secrets.filter((secret) => secret.length >= shortestSecret));
  return (text) => redactText(maskSecrets(text, mask));
}

/** Masks credentials that can be told by their form: `scheme://user:password@host`, `password=…`, `Bearer …`. */
export function redactText(text: string): string {
  return rules.reduce((redacted, [pattern, replacement]) => redacted.replaceAll(pattern, replacement), text);
}

/**
 * The second rule is for URLs whose password has `/`, `?` or `#` in it, which is what people get wrong; a port is
 * not taken for one, nor is the word in the URL that a hint shows as a form. Bounded repetitions keep a hostile text from taking quadratic time.
 */
const rules: readonly (readonly [RegExp, string])[] = [
  [/:\/\/([^\s/?#:@]{0,256}):(?!PASSWORD@HOST)[^\s/?#]+@/g, `://$1:${mask}@`],
  [
    /:\/\/([^\s/?#:@]{0,256}):(?!\d{1,5}(?:[/?#]|$)|\[redacted\]|PASSWORD@HOST)[^\s"'<>]{1,256}@/g,
    `://$1:${mask}@`,
  ],
  [
    /((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key)=)(?!\[redacted\])(?:"[^"]{0,4096}"|'[^']{0,4096}'|[^\s&"',;)]+)/gi,
    `$1${mask}`,
  ],
  [/\b(Bearer|Basic) +(?=\S*[\d=]|\S{20})[\w.~+/=-]{8,4096}/gi, `$1 ${mask}`],
];
