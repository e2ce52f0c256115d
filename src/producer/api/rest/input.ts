import type { Request } from 'express';
import { z } from 'zod';
import { BackupDataError } from '../../../shared/errors.ts';

/** What a request asks with, by the schema of that. USAGE in one sentence for everything that is wrong with it. */
export function inputOf<Schema extends z.ZodObject>(
  request: Request,
  { schema, usualLimit }: { schema: Schema; usualLimit?: number | undefined },
): z.output<Schema> {
  const fromQuery = request.method === 'GET' || request.method === 'DELETE';
  if (!fromQuery && Object.keys(request.query).length > 0)
    throw refused(['what is asked for stands in the body, and not in the query']);
  const given = fromQuery ? queryOf(request, schema) : bodyOf(request);
  const repeated = Object.keys(request.params).find((name) => Object.hasOwn(given, name));
  if (repeated !== undefined) throw refused([`${repeated} stands in the path already`]);
  const limit = usualLimit === undefined ? {} : { limit: usualLimit };
  const parsed = schema.safeParse({ ...limit, ...given, ...request.params });
  if (parsed.success) return parsed.data;
  throw refused(parsed.error.issues.flatMap(sentences));
}

function bodyOf({ body }: Request): Record<string, unknown> {
  if (body === undefined) return {};
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw refused(['the body is not an object']);
}

/** A query holds text alone: it is read as the schema wants it. Lists are separated by commas. */
function queryOf({ query }: Request, schema: z.ZodObject): Record<string, unknown> {
  const known = kindsOf(schema);
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      if (typeof value !== 'string') throw refused([`${name} is given more than once`]);
      const kind = Object.hasOwn(known, name) ? known[name] : undefined;
      return [name, kind === undefined ? value : readers[kind](value)];
    }),
  );
}

const readers = {
  integer: (text: string): unknown => (/^\d{1,9}$/.test(text) ? Number(text) : text),
  boolean: (text: string): unknown => ({ true: true, false: false })[text] ?? text,
  array: (text: string): unknown => text.split(','),
};

type Kind = keyof typeof readers;
const kinds = Object.keys(readers) as Kind[];

const properties = z.object({ properties: z.record(z.string(), z.object({ type: z.string().optional() })) });

type Kinds = Readonly<Record<string, Kind | undefined>>;

const described = new WeakMap<z.ZodObject, Kinds>();

/** Of the fields that are no text. Each schema is looked at once. */
function kindsOf(schema: z.ZodObject): Kinds {
  const found = described.get(schema) ?? readKinds(schema);
  described.set(schema, found);
  return found;
}

function readKinds(schema: z.ZodObject): Kinds {
  const { data } = properties.safeParse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  const fields = Object.entries(data?.properties ?? {});
  return Object.fromEntries(fields.map(([name, { type }]) => [name, kinds.find((kind) => kind === type)]));
}

function sentences(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `there is no ${JSON.stringify(key)}`);
  const where = issue.path.map(String).join('.');
  return [where === '' ? issue.message : `${where}: ${issue.message}`];
}

function refused(problems: readonly string[]): BackupDataError {
  return new BackupDataError('USAGE', `the request is not right: ${problems.join('; ').slice(0, 2_000)}`, {
    hint: '/api/v1/openapi.json describes what it may hold.',
  });
}
