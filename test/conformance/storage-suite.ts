import { describe } from 'node:test';
import { accessTests } from './storage/access.ts';
import { getTests } from './storage/get.ts';
import { keyTests } from './storage/keys.ts';
import { listTests } from './storage/list.ts';
import { putTests } from './storage/put.ts';
import { ifAbsentTests } from './storage/put-if-absent.ts';
import { removeTests } from './storage/remove.ts';
import type { StorageImplementation } from './storage/subject.ts';
import { sweepTests } from './storage/sweep.ts';

/** What every storage must do, and above all what must not happen. Mandatory for an implementation of Storage. */
export function storageSuite(implementation: StorageImplementation): void {
  describe(`the storage ${implementation.name}`, { concurrency: false }, () => {
    putTests(implementation);
    ifAbsentTests(implementation);
    getTests(implementation);
    listTests(implementation);
    removeTests(implementation);
    sweepTests(implementation);
    keyTests(implementation);
    accessTests(implementation);
  });
}
