import { z } from 'zod';
import { fileSchema } from './schema.ts';

/** A JSON Schema as plain data. */
export type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The configuration file's JSON Schema (draft 7), for editors. A number or a switch may also be one `${…}`. */
export function configJsonSchema(): JsonSchema {
  return {
    ...z.toJSONSchema(fileSchema, {
      io: 'input',
      target: 'draft-7',
      override: ({ jsonSchema }) => allowReference(jsonSchema),
    }),
    title: 'BackUpData configuration',
  };
}

function allowReference(schema: JsonSchema): void {
  if (!['number', 'integer', 'boolean'].includes(String(schema.type))) return;
  const { default: preset, ...strict } = schema;
  for (const key of Object.keys(schema)) delete schema[key];
  Object.assign(schema, {
    ...(preset === undefined ? {} : { default: preset }),
    anyOf: [strict, { type: 'string', pattern: '^\\$\\{[^}]+\\}$' }],
  });
}
