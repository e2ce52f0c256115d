import { z } from 'zod';
import type { Answered } from './api.ts';

type Json = Record<string, unknown>;

const documentSchema = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))),
  components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
});

export type ApiDocument = z.output<typeof documentSchema>;

export interface DocumentedOperation {
  id: string;
  /** In capitals. */
  method: string;
  /** As the document has it, with `{name}`. */
  path: string;
  description: string;
  parameters: readonly { name: string; in: string; required: boolean }[];
  responses: Record<string, { description: string; content: Record<string, { schema: Json }> }>;
}

export function readDocument(answer: Answered): ApiDocument {
  return parseDocument(answer.json());
}

export function parseDocument(document: unknown): ApiDocument {
  return documentSchema.parse(document);
}

export function operationsOf({ paths }: ApiDocument): DocumentedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, description, parameters = [], responses }]) => ({
      id: String(operationId),
      method: method.toUpperCase(),
      path,
      description: String(description),
      parameters: parameters as DocumentedOperation['parameters'],
      responses: responses as DocumentedOperation['responses'],
    })),
  );
}

/** Everything that is wrong with an answer: its status, its type, its code and its fields, of which none may be undocumented. */
export function deviations(
  document: ApiDocument,
  { id, responses }: DocumentedOperation,
  answer: Answered,
): string[] {
  const documented = responses[String(answer.status)];
  if (!documented) return [`${id}: ${answer.status} is not documented: ${answer.text}`];
  const { content, description } = documented;
  const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
  const schema = content[type]?.schema;
  if (!schema) return [`${id}: ${type} is not documented for ${answer.status}`];
  if (type === 'text/event-stream') return [];
  if (type === 'application/problem+json' && !description.split(', ').includes(answer.problem().code))
    return [`${id}: ${answer.problem().code} is not documented for ${answer.status}`];
  const { error } = validatorOf(document, schema).safeParse(JSON.parse(answer.text));
  return (error?.issues ?? []).map((issue) => `${id}: ${issue.path.join('.')}: ${issue.message}`);
}

function validatorOf({ components }: ApiDocument, schema: Json): z.ZodType {
  const whole = JSON.stringify({ ...closed(schema), $defs: closed(components.schemas) });
  return z.fromJSONSchema(JSON.parse(whole.replaceAll('#/components/schemas/', '#/$defs/')));
}

/** A schema of objects that may have no other fields than those it names. */
function closed(schema: Json): Json {
  const deep = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(deep);
    return typeof value === 'object' && value !== null ? closed(value as Json) : value;
  };
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, deep(value)]));
  return inner.properties !== undefined && inner.additionalProperties === undefined
    ? { ...inner, additionalProperties: false }
    : inner;
}
