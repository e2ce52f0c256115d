import type { Stage } from './stage.ts';

/** What a program says reaches people and a storage, and it may quote the files and the environment that it was given. */
export interface SecretHider {
  /** Bytes of the longest text that is hidden; 0 for none. */
  readonly longest: number;
  /** The text with `[redacted]` for every secret in it, without what stands before `from` but for a secret that reaches over it. */
  hide(text: string, from?: number): string;
}

/**
 * Hides each line of the stage's secrets that has 4 characters or more, and of its files that has 8: shorter ones stand in too
 * many words.
 */
export function createSecretHider({ files = [], secrets = [] }: Stage): SecretHider {
  const lines = [
    ...files.flatMap((file) => linesOf(file.reveal(), 8)),
    ...secrets.flatMap((secret) => linesOf(secret.reveal(), 4)),
  ];
  return {
    longest: Math.max(0, ...lines.map((line) => Buffer.byteLength(line))),
    hide: (text, from = 0) => masked(text, from, placesOf(lines, text)),
  };
}

function linesOf(secret: string, shortest: number): string[] {
  return secret.split('\n').filter((line) => line.length >= shortest);
}

type Place = readonly [start: number, end: number];

/** By their starts. They may overlap: one secret may hold another. */
function placesOf(lines: readonly string[], text: string): readonly Place[] {
  const places: Place[] = [];
  for (const line of lines)
    for (let at = text.indexOf(line); at >= 0; at = text.indexOf(line, at + 1))
      places.push([at, at + line.length]);
  return places.sort(([one], [other]) => one - other);
}

function masked(text: string, from: number, places: readonly Place[]): string {
  let shown = '';
  let done = from;
  for (const [start, end] of places) {
    if (end <= done) continue;
    // One that begins where another has not ended yet is masked by the same word.
    if (start >= done || shown === '') shown += `${text.slice(done, start)}[redacted]`;
    done = end;
  }
  return shown + text.slice(done);
}
