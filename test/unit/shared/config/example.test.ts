import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { exampleConfig } from '../../../../src/shared/config/example.ts';
import { configJsonSchema } from '../../../../src/shared/config/json-schema.ts';
import { fileSchema } from '../../../../src/shared/config/schema.ts';
import { loadText } from './load-text.ts';

const env = { SHOP_URL: 'postgres://app:pw-1234@db.example:5432/shop' };

describe('the example configuration', () => {
  it('loads with its variables set', async () => {
    const config = await loadText(exampleConfig(), { env });
    assert.deepEqual([...config.databases.keys()], ['shop']);
    assert.deepEqual(config.databases.get('shop')?.compression, { type: 'zstd', level: 3 });
  });

  it('comes to the same with every setting that it shows as a default', async () => {
    const spelled = exampleConfig().replaceAll(/^( *)#(?=[a-z])/gim, '$1');
    assert.notEqual(spelled, exampleConfig());
    assert.deepEqual(await loadText(spelled, { env }), await loadText(exampleConfig(), { env }));
  });

  it('shows every key of the schema', () => {
    const keys = Object.keys(fileSchema.shape);
    assert.deepEqual(
      keys.filter((key) => !new RegExp(`^#?${key}:`, 'm').test(exampleConfig())),
      [],
    );
  });
});

describe('the JSON Schema', () => {
  const node = z.record(z.string(), z.unknown());
  const at = (schema: unknown, ...path: string[]): unknown =>
    path.reduce<unknown>((inner, key) => node.parse(inner)[key], schema);

  it('describes what a file may hold, not what it becomes', () => {
    const schema = configJsonSchema();
    assert.equal(schema.$schema, 'http://json-schema.org/draft-07/schema#');
    assert.deepEqual(schema.required, ['storages', 'databases']);
    assert.equal(schema.additionalProperties, false);
    assert.doesNotThrow(() => JSON.stringify(schema));
  });

  it('lets a reference stand for a number', () => {
    const attempts = at(configJsonSchema(), 'properties', 'queue', 'properties', 'attempts', 'anyOf');
    assert.deepEqual(
      z
        .array(node)
        .parse(attempts)
        .map(({ type }) => type),
      ['integer', 'string'],
    );
  });
});
