import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusOf } from '../../../../../src/producer/api/http/problem.ts';
import { openApi } from '../../../../../src/producer/api/rest/openapi.ts';
import { isErrorCode } from '../../../../../src/shared/errors.ts';
import { operationsOf, parseDocument } from '../../../../support/api-document.ts';

const document = openApi('1.2.3');
const text = JSON.stringify(document);
const { components } = parseDocument(document);

describe('the OpenAPI document', () => {
  it('refers to nothing that it lacks, and has nothing that nobody refers to', () => {
    const referred = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(referred)].toSorted(), Object.keys(components.schemas).toSorted());
    assert.equal(text.match(/"\$ref":/g)?.length, referred.length);
  });

  it('names each operation once, and each part of its path', () => {
    const operations = operationsOf(parseDocument(document));
    const ids = operations.map(({ id }) => id);
    assert.deepEqual(ids, [...new Set(ids)]);
    for (const { id, path, parameters } of operations) {
      const inPath = parameters.filter((each) => each.in === 'path');
      assert.deepEqual(
        inPath.map(({ name, required }) => [name, required]),
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, true]),
        id,
      );
    }
  });

  it('says of each failure which codes it has, by the status that they are answered with', () => {
    for (const { id, responses } of operationsOf(parseDocument(document)))
      for (const [status, { description }] of Object.entries(responses).filter(([each]) => each >= '400'))
        for (const code of description.split(', '))
          assert.ok(isErrorCode(code) && statusOf(code) === Number(status), `${id} ${status} ${code}`);
  });

  it('uses no word that OpenAPI 3.1 does not have', () => {
    assert.doesNotMatch(text, /"nullable"|"\$schema"|"\$id"|"definitions"/);
  });
});
