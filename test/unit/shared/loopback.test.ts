import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLoopback } from '../../../src/shared/loopback.ts';

describe('a host', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]'])
    it(`${host} is this machine`, () => assert.ok(isLoopback(host)));

  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    'localhost.example.com',
    '127.0.0.1.example.com',
    '127.example',
    '1270.0.0.1',
    '::2',
  ])
    it(`${JSON.stringify(host)} may be another`, () => assert.ok(!isLoopback(host)));
});
