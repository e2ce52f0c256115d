import type { z } from 'zod';
import { type Path, type Problem, printKey } from './problems.ts';
import { createSuggest, type Suggest } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** What the schema found wrong, in our words. zod's own messages are not used, because some quote the value. */
export function describeIssues(issues: readonly Issue[], root: unknown): Problem[] {
  const suggest = issues.some(({ code }) => code === 'unrecognized_keys') ? createSuggest() : () => undefined;
  return issues.flatMap((issue) => describe(issue, root, suggest));
}

/** The value at `path`; undefined when there is none. */
export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? Reflect.get(value, key)
        : undefined,
    root,
  );
}

function describe(issue: Issue, root: unknown, suggest: Suggest): Problem[] {
  const path = issue.path.filter((key) => typeof key !== 'symbol');
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, suggest));
  return [{ path, message: explain(issue, valueAt(root, path)) }];
}

function unknownKey(path: Path, key: string, suggest: Suggest): Problem {
  const near = suggest(path, key);
  if (near === key)
    return { path: [...path, key], message: `the key ${printKey(key)} does not go with this engine or type` };
  const question = near === undefined ? '' : `; did you mean "${near}"?`;
  return { path: [...path, key], message: `the key ${printKey(key)} is not known here${question}` };
}

function explain(issue: Issue, value: unknown): string {
  if (value === undefined) return `is missing${expectation(issue)}`;
  if (value === null) return `is empty${expectation(issue)}`;
  if (issue.code === 'custom') return issue.message;
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? 'not a valid name';
  if (issue.code === 'too_small') return tooSmall(issue);
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  const quotes = typeof value === 'object' || typeof value === 'string' ? '' : ' (in quotes)';
  return `not valid${expectation(issue)}${isTextIssue(issue) ? quotes : ''}`;
}

function isTextIssue(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.expected === 'string';
}

function tooSmall({ origin, minimum }: { origin: string; minimum: number | bigint }): string {
  return origin === 'string' || origin === 'array' ? 'must not be empty' : `must be at least ${minimum}`;
}

const nouns: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys and values',
  record: 'a map of names',
};

/** `; write …`, or nothing where there is nothing better to say than that it is wrong. */
function expectation(issue: Issue): string {
  const wanted = expected(issue);
  return wanted.length === 0 ? '' : `; write ${[...new Set(wanted)].join(' or ')}`;
}

function expected(issue: Issue): string[] {
  if (issue.code === 'invalid_type') return [nouns[issue.expected] ?? issue.expected];
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code !== 'invalid_union') return [];
  if ('options' in issue && Array.isArray(issue.options)) return issue.options.map(String);
  return issue.errors.flatMap((branch) => branch.flatMap(expected));
}
