import { configJsonSchema, type JsonSchema } from './json-schema.ts';
import type { Path } from './problems.ts';

/** Finds the known key that is nearest to an unknown one; undefined when none is near. */
export type Suggest = (path: Path, key: string) => string | undefined;

export function createSuggest(): Suggest {
  const schema = configJsonSchema();
  return (path, key) => nearestOf(key, knownKeys(schema, path));
}

/** Every key that may stand in the map at `path`, of all its kinds. */
function knownKeys(schema: JsonSchema, path: Path): string[] {
  const kinds = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].filter(isSchema);
  const fromKinds = kinds.flatMap((kind) => knownKeys(kind, path));
  const [head, ...rest] = path;
  if (head === undefined) return [...fromKinds, ...Object.keys(schema.properties ?? {})];
  const next = schema.properties?.[String(head)] ?? schema.additionalProperties;
  return isSchema(next) ? [...fromKinds, ...knownKeys(next, rest)] : fromKinds;
}

function isSchema(node: unknown): node is JsonSchema {
  return typeof node === 'object' && node !== null;
}

/** The one of `known` that is spelt most like `key`, if any is near. */
export function nearestOf(key: string, known: readonly string[]): string | undefined {
  if (key.length > 40) return undefined;
  const limit = Math.max(1, Math.floor(key.length / 3));
  const ranked = known.map((each) => ({ each, distance: distance(key.toLowerCase(), each.toLowerCase()) }));
  return ranked.filter((one) => one.distance <= limit).sort((a, b) => a.distance - b.distance)[0]?.each;
}

/** Levenshtein: single characters to insert, remove or change. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, letter] of Array.from(a).entries()) {
    const current = [row + 1];
    for (const [column, other] of Array.from(b).entries()) {
      const changed = (above[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(changed, (above[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    above = current;
  }
  return above.at(-1) ?? 0;
}
