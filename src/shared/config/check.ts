import type { z } from 'zod';
import { describeIssues, valueAt } from './issues.ts';
import { checkNames } from './names.ts';
import { keyOf } from './positions.ts';
import { configInvalid, type Path, type Problem } from './problems.ts';
import { resolveConfig } from './resolve.ts';
import { checkSchedules } from './schedules.ts';
import { type Config, type ConfigFile, fileSchema } from './schema.ts';
import type { ConfigSource } from './source.ts';
import { checkSources } from './sources.ts';
import { checkStoragePlaces } from './storage-places.ts';
import { checkVolumeSizes } from './volume-sizes.ts';

/** The configuration of a source. Throws one CONFIG_INVALID with everything that is wrong with it. */
export async function checkSource(source: ConfigSource): Promise<Config> {
  const parsed = parse(source);
  const found = [
    ...describeIssues(parsed.error?.issues ?? [], source.root),
    ...checkNames(source.root),
    ...(parsed.data ? checkSources(parsed.data) : []),
    ...(parsed.data ? checkVolumeSizes(parsed.data) : []),
    ...(parsed.data ? checkStoragePlaces(parsed.data, source.folder) : []),
    ...(await checkSchedules(source.root)),
  ];
  const problems = [...source.problems, ...withoutEchoes(found, source)];
  if (!parsed.success || problems.length > 0) throw configInvalid(problems, { locate: source.locate });
  return resolveConfig(parsed.data, source);
}

/** A text that is one `${…}` is read again as a number or a switch where the schema wants one, and only there. */
function parse(source: ConfigSource): z.ZodSafeParseResult<ConfigFile> {
  const first = fileSchema.safeParse(source.root);
  const retyped = first.error?.issues.filter((issue) => retype(source, issue)) ?? [];
  return retyped.length === 0 ? first : fileSchema.safeParse(source.root);
}

function retype({ whole }: ConfigSource, issue: z.core.$ZodIssue): boolean {
  if (issue.code !== 'invalid_type') return false;
  const reference = whole.get(keyOf(issue.path.filter((key) => typeof key !== 'symbol')));
  const value = reference && scalarOf(reference.value, issue.expected);
  if (value === undefined) return false;
  reference?.set(value);
  return true;
}

/** As YAML reads a plain decimal number, `true` and `false`. */
function scalarOf(text: string, wanted: string): number | boolean | undefined {
  if (wanted === 'boolean') return { true: true, false: false }[text];
  if (wanted !== 'number' && wanted !== 'int') return undefined;
  return /^[-+]?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** What has no value because of one problem would be reported as missing by another. */
function withoutEchoes(found: readonly Problem[], { problems, root }: ConfigSource): Problem[] {
  const lost = problems.filter(({ path }) => valueAt(root, path) === undefined);
  const known = new Set(lost.map(({ path }) => keyOf(path)));
  return found.filter(({ path }) => !prefixes(path).some((prefix) => known.has(keyOf(prefix))));
}

function prefixes(path: Path): Path[] {
  return path.map((_, index) => path.slice(0, index + 1));
}
