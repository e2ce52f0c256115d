import { z } from 'zod';
import { type ErrorCode, errorCodes } from '../../../shared/errors.ts';
import { manifestSchema } from '../../../shared/manifest.ts';
import { contract, followRequest, followRole } from '../../operations/contract.ts';
import {
  backupSchema,
  copySchema,
  databaseSchema,
  errorSchema,
  jobSchema,
  previewSchema,
  scheduleSchema,
  updateSchema,
  verificationSchema,
} from '../../operations/documents.ts';
import { problemSchema, statusOf } from '../http/problem.ts';
import { auditRequest, auditResponse, meSchema } from './extra.ts';
import { failuresOf } from './failures.ts';
import { type Route, routes } from './routes.ts';

type Schema = Record<string, unknown>;

/** The API as an OpenAPI 3.1 document, made of the very schemas that requests are read by. */
export function openApi(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { path, method, operation } of [...routes.map(describe), ...extras]) {
    paths[path] ??= {};
    paths[path][method] = operation;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'BackUpData',
      version,
      description:
        'Backs databases up, restores them, and proves that it can. Times are RFC 3339 UTC, sizes bytes and durations milliseconds.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: '`backupdata token create` makes one.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'backupdata',
          description: 'Of a browser that signed in.',
        },
      },
    },
  };
}

interface Described {
  path: string;
  method: string;
  operation: Record<string, unknown>;
}

const named = {
  Database: databaseSchema,
  Backup: backupSchema,
  Manifest: manifestSchema,
  Copy: copySchema,
  Verification: verificationSchema,
  Job: jobSchema,
  Update: updateSchema,
  Schedule: scheduleSchema,
  PrunePreview: previewSchema,
  Error: errorSchema,
  Problem: problemSchema,
  Me: meSchema,
  AuditPage: auditResponse,
} as const;

const problemContent = {
  'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
};

/** What codes stand behind each status. */
function problems(codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = Map.groupBy(new Set(codes), statusOf);
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [
      status,
      { description: some.toSorted().join(', '), content: problemContent },
    ]),
  );
}

function describe(route: Route): Described {
  const { method, path, operation: name, summary, status, tag, usualLimit } = route;
  const { request, response, role } = contract[name];
  const fields = fieldsOf(request).map((field) => withDefault(field, usualLimit));
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  const others = fields.filter((field) => !inPath.includes(field.name));
  const fromQuery = method === 'get' || method === 'delete';
  const idempotent = method === 'post' ? [idempotencyHeader] : [];
  return {
    path,
    method,
    operation: {
      operationId: name,
      summary,
      description: `Takes the role ${role}.`,
      tags: [tag],
      parameters: [
        ...fields.filter((field) => inPath.includes(field.name)).map((field) => parameter(field, 'path')),
        ...(fromQuery ? others.map((field) => parameter(field, 'query')) : []),
        ...idempotent,
      ],
      ...(fromQuery || others.length === 0 ? {} : { requestBody: bodyOf(others) }),
      responses: {
        [status]: {
          description: status === 202 ? 'It was enqueued' : 'Done',
          ...headersOf(route),
          content: { 'application/json': { schema: schemaOf(response) } },
        },
        ...problems(failuresOf({ operation: name, method })),
      },
    },
  };
}

const idempotencyHeader = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'The same request with the same key is answered once, and again with the same answer for a day.',
  schema: { type: 'string', minLength: 1, maxLength: 128 },
};

function headersOf({ jobOf, usualLimit }: Route): Record<string, unknown> {
  const header = (name: string, description: string) => ({
    headers: { [name]: { description, schema: { type: 'string' } } },
  });
  if (jobOf) return header('Location', 'The job that does it');
  return usualLimit === undefined ? {} : header('Link', 'To the page that follows, as rel="next"');
}

interface Field {
  name: string;
  schema: Schema;
  required: boolean;
}

const objectSchema = z.object({
  properties: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  required: z.array(z.string()).default([]),
});

function fieldsOf(request: z.ZodObject): Field[] {
  const { properties, required } = objectSchema.parse(
    z.toJSONSchema(request, { io: 'input', unrepresentable: 'any' }),
  );
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    schema,
    required: required.includes(name),
  }));
}

function withDefault(field: Field, usualLimit: number | undefined): Field {
  if (field.name !== 'limit' || usualLimit === undefined) return field;
  return { ...field, schema: { ...field.schema, default: usualLimit } };
}

function parameter({ name, schema, required }: Field, place: 'path' | 'query'): Record<string, unknown> {
  const { description, ...rest } = schema;
  const isList = rest.type === 'array';
  return {
    name,
    in: place,
    required: place === 'path' || required,
    ...(description !== undefined && { description }),
    // Lists are separated by commas.
    ...(isList && { style: 'form', explode: false }),
    schema: rest,
  };
}

function bodyOf(fields: readonly Field[]): Record<string, unknown> {
  const required = fields.filter((field) => field.required).map(({ name }) => name);
  const schema = {
    type: 'object',
    properties: Object.fromEntries(fields.map(({ name, schema }) => [name, schema])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
  return { required: required.length > 0, content: { 'application/json': { schema } } };
}

/** What answers are made of refers to the schemas that have a name. */
function schemaOf(response: z.ZodType): Schema {
  const registry = registryOfNamed();
  registry.add(response, { id: answerId });
  return described(registry)[answerId] ?? {};
}

const answerId = 'answer';

function components(): Record<string, Schema> {
  return described(registryOfNamed());
}

function registryOfNamed() {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  return registry;
}

function described(registry: ReturnType<typeof registryOfNamed>): Record<string, Schema> {
  const { schemas } = z.toJSONSchema(registry, {
    io: 'output',
    unrepresentable: 'any',
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === errorSchema.shape.code)
        Object.assign(jsonSchema, { type: 'string', enum: errorCodes });
      // A later release may say more; and what an answer has is not what it would have.
      delete jsonSchema.additionalProperties;
      delete jsonSchema.default;
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _draft, $id: _uri, ...schema }]) => [id, schema]),
  );
}

function extra(options: {
  path: string;
  operationId: string;
  summary: string;
  description: string;
  tag: string;
  operation?: 'follow';
  request?: z.ZodObject;
  type?: string;
  schema: Schema;
}): Described {
  const {
    path,
    operationId,
    summary,
    description,
    tag,
    operation,
    request,
    type = 'application/json',
    schema,
  } = options;
  const fields = request ? fieldsOf(request) : [];
  const parameters = fields.map((field) =>
    parameter(field, path.includes(`{${field.name}}`) ? 'path' : 'query'),
  );
  const responses = {
    200: { description: 'Done', content: { [type]: { schema } } },
    ...problems(failuresOf({ method: 'get', ...(operation && { operation }) })),
  };
  return {
    path,
    method: 'get',
    operation: { operationId, summary, description, tags: [tag], parameters, responses },
  };
}

const reference = (name: keyof typeof named): Schema => ({ $ref: `#/components/schemas/${name}` });

/** What is no operation of the service. */
const extras: readonly Described[] = [
  extra({
    path: '/jobs/{jobId}/events',
    operationId: 'followJob',
    summary: 'What becomes of a job, as server-sent events',
    description: `Takes the role ${followRole}. Each event is named by the state, and its data is an Update; the last is \`completed\` or \`failed\`.`,
    tag: 'jobs',
    operation: 'follow',
    request: followRequest,
    type: 'text/event-stream',
    schema: { type: 'string', contentMediaType: 'application/json', contentSchema: reference('Update') },
  }),
  extra({
    path: '/me',
    operationId: 'me',
    summary: 'Who asks',
    description: 'Takes the role viewer.',
    tag: 'access',
    schema: reference('Me'),
  }),
  extra({
    path: '/audit',
    operationId: 'audit',
    summary: 'Who did what, newest first',
    description: 'Takes the role admin, for every database.',
    tag: 'access',
    request: auditRequest,
    schema: reference('AuditPage'),
  }),
  extra({
    path: '/openapi.json',
    operationId: 'openapi',
    summary: 'This document',
    description: 'Takes the role viewer.',
    tag: 'access',
    schema: { type: 'object' },
  }),
];
