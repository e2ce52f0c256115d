import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { MessageTypeDefinition, ServiceDefinition } from '@grpc/proto-loader';
import { z } from 'zod';
import { snakeCase } from '../../../../../src/producer/api/grpc/messages.ts';
import { followRpc, loadProto, rpcs, serviceName } from '../../../../../src/producer/api/grpc/proto.ts';
import { waiting } from '../../../../../src/producer/api/grpc/wait.ts';
import {
  contract,
  followRequest,
  followRole,
  type OperationName,
} from '../../../../../src/producer/operations/contract.ts';
import {
  errorSchema,
  resultSchemas,
  updateSchema,
} from '../../../../../src/producer/operations/documents.ts';

const proto = loadProto();
const text = await readFile(new URL('../../../../../proto/backup.proto', import.meta.url), 'utf8');
const service = proto[serviceName] as ServiceDefinition;
const names = Object.keys(contract) as OperationName[];

/** What only a message has: whether to wait, and what was waited for. */
const ofWaiting = { request: ['detach'], response: ['result', 'backups'] };

describe('proto/backup.proto', () => {
  it('has an rpc for every operation, and one to follow a job', () => {
    assert.deepEqual(Object.keys(service).sort(), [...Object.values(rpcs), followRpc].sort());
    assert.deepEqual(
      Object.entries(service).flatMap(([rpc, { responseStream }]) => (responseStream ? [rpc] : [])),
      [followRpc],
    );
  });

  for (const name of names)
    it(`says in ${rpcs[name]} what the contract says of ${name}`, () => {
      const { role, request, response } = contract[name];
      const waits = waiting.some((each) => each === name);
      compare(request, `${rpcs[name]}Request`, waits ? ofWaiting.request : []);
      compare(response, `${rpcs[name]}Response`, waits ? ofWaiting.response : []);
      assert.match(commentOf('rpc', rpcs[name]), new RegExp(`^${role}\\.`));
    });

  it('says what the contract says of a followed job', () => {
    compare(followRequest, `${followRpc}Request`);
    compare(updateSchema, 'JobUpdate');
    assert.match(commentOf('rpc', followRpc), new RegExp(`^${followRole}\\.`));
  });

  it('has a message for an error, and for what each kind of job gives', () => {
    compare(errorSchema, 'Error');
    const kinds = Object.fromEntries(fieldsOf('JobResult').map(({ name, typeName }) => [name, typeName]));
    assert.deepEqual(Object.keys(kinds).sort(), Object.keys(resultSchemas).sort());
    for (const [kind, schema] of Object.entries(resultSchemas)) compare(schema, kinds[kind] ?? '');
  });

  it('takes a `detach` in what waits, and in nothing else', () => {
    const detached = names.filter((name) =>
      fieldsOf(`${rpcs[name]}Request`).some((field) => field.name === 'detach'),
    );
    assert.deepEqual(detached.sort(), [...waiting].sort());
  });
});

interface Field {
  name: string;
  label: string;
  type: string;
  typeName: string;
}

function messageOf(name: string): MessageTypeDefinition<object, object> {
  const definition = proto[`backupdata.v1.${name}`];
  assert.ok(definition && 'deserialize' in definition, `there is no message ${name}`);
  return definition as MessageTypeDefinition<object, object>;
}

function fieldsOf(name: string): Field[] {
  return (messageOf(name).type as { field: Field[] }).field;
}

/** Both have the same fields, of the same types. */
function compare(schema: z.ZodObject, message: string, more: readonly string[] = []): void {
  const fields = fieldsOf(message).filter(({ name }) => !more.includes(name));
  assert.deepEqual(
    fields.map(({ name }) => name).sort(),
    Object.keys(schema.shape).map(snakeCase).sort(),
    `the fields of ${message}`,
  );
  for (const [key, value] of Object.entries(schema.shape)) {
    const field = fields.find(({ name }) => name === snakeCase(key));
    assert.ok(field);
    compareField(readSchema(value), field, message);
  }
}

function compareField({ schema, optional, repeated }: Read, field: Field, message: string): void {
  const where = `${message}.${field.name}`;
  assert.equal(field.label === 'LABEL_REPEATED', repeated, `${where}: repeated`);
  const word = text.match(new RegExp(`message ${message} \\{[^]*?\\n\\}`))?.[0] ?? '';
  const declared = new RegExp(`^ *(optional )?[\\w.]+ ${field.name} = `, 'm').exec(word);
  if (!repeated) assert.equal(declared?.[1] !== undefined, optional, `${where}: optional`);
  const type = field.type.replace('TYPE_', '').toLowerCase();
  if (field.name === 'manifest') assert.equal(type, 'string');
  else if (field.name === 'result') assert.equal(field.typeName, 'JobResult');
  else if (schema instanceof z.ZodObject) compare(schema, field.typeName);
  else assert.ok(typesOf(schema).includes(type), `${where}: ${type} for ${schema.def.type}`);
  if (schema instanceof z.ZodEnum)
    tellsWords(schema.options.map(String), where, commentOf(message, field.name));
}

function typesOf(schema: z.ZodType): string[] {
  if (schema instanceof z.ZodNumber) return ['int32', 'int64', ...(schema.isInt ? [] : ['double'])];
  if (schema instanceof z.ZodBoolean) return ['bool'];
  return ['string', 'enum', 'custom'].includes(schema.def.type) ? ['string'] : [];
}

function tellsWords(words: readonly string[], where: string, comment: string): void {
  if (comment.includes('as in RunBackupResponse')) return;
  for (const word of words)
    assert.ok(comment.includes(word), `the comment of ${where} does not name ${word}`);
}

interface Read {
  schema: z.ZodType;
  optional: boolean;
  repeated: boolean;
}

/** A default that is not what a type has by itself is one that a message must be able to leave out. */
function readSchema(given: z.core.$ZodType, optional = false): Read {
  if (given instanceof z.ZodOptional || given instanceof z.ZodNullable)
    return readSchema(given.def.innerType, true);
  if (given instanceof z.ZodDefault) {
    const { defaultValue, innerType } = given.def;
    const isOfType = defaultValue === false || Array.isArray(defaultValue);
    return readSchema(innerType, optional || !isOfType);
  }
  if (given instanceof z.ZodArray) return { ...readSchema(given.def.element, optional), repeated: true };
  return { schema: given as z.ZodType, optional, repeated: false };
}

/** What stands above an rpc, or above a field of a message, in one line. */
function commentOf(place: string, name: string): string {
  const block =
    place === 'rpc' ? text : (text.match(new RegExp(`message ${place} \\{[^]*?\\n\\}`))?.[0] ?? '');
  const declaration = place === 'rpc' ? `rpc ${name}\\(` : `(?:optional |repeated )?[\\w.]+ ${name} = `;
  const [, lines = ''] = new RegExp(`((?:^ *//.*\\n)*)^ *${declaration}`, 'm').exec(block) ?? [];
  return lines
    .replaceAll(/^ *\/\/ ?/gm, '')
    .replaceAll('\n', ' ')
    .trim();
}
