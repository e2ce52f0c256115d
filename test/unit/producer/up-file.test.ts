import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readUpFile, type UpFile, writeUpFile } from '../../../src/producer/up-file.ts';
import { withFolder } from '../../support/folder.ts';

const left: Omit<UpFile, 'pid'> = {
  redisUrl: 'redis://127.0.0.1:1',
  http: 'http://127.0.0.1:2',
  grpc: '127.0.0.1:4',
  metrics: 'http://127.0.0.1:3',
};

it('what a killed `up` left is not taken for a running one by a process of the same number', () =>
  withFolder(async (path) => {
    await writeUpFile(path, { ...left, pid: process.pid });
    assert.equal(await readUpFile(path), undefined);
    await writeUpFile(path, { ...left, pid: process.ppid });
    assert.deepEqual(await readUpFile(path), { ...left, pid: process.ppid });
  }));
