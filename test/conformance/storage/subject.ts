import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { it } from 'node:test';
import type { Storage } from '../../../src/pipeline/storage/storage.ts';
import { hasCode } from '../../../src/shared/errors.ts';
import { chooseSeed, createSeeded, type Seeded } from '../../support/seeded.ts';

/** An empty storage, and how to look at it from the outside. */
export interface StorageSubject {
  storage: Storage;
  /** The unfinished uploads and temporary files in it, its own and others', by any name. */
  unfinished(): Promise<readonly string[]>;
  /** Everything that exists beside the storage, where a key that escapes would end. */
  outside(): Promise<readonly string[]>;
}

export interface StorageImplementation {
  name: string;
  /** Runs a test with a new empty storage and cleans up after it. */
  withSubject(use: (subject: StorageSubject) => Promise<void>): Promise<void>;
  /** Only for a storage behind a server that asks who one is: the same kind of storage with something wrong. */
  withStrangers?(use: (strangers: StorageStrangers) => Promise<void>): Promise<void>;
}

export interface StorageStrangers {
  /** Its key id, or account, is nobody's. */
  wrongKey: Storage;
  /** Its secret does not belong to its key id. */
  wrongSecret: Storage;
  /** Its bucket or container does not exist. */
  missing: Storage;
  /** What no message may show. */
  secrets: readonly string[];
}

export type StorageTest = (
  subject: StorageSubject & { signal: AbortSignal; random: Seeded },
) => Promise<void>;

/** Defines one test of an implementation, with a fresh subject. Prints the seed of its random values. */
export function check(implementation: StorageImplementation, title: string, test: StorageTest): void {
  it(title, async (context) => {
    const random = createSeeded(chooseSeed());
    context.diagnostic(`TEST_SEED=${random.seed}`);
    await implementation.withSubject((subject) => test({ ...subject, signal: context.signal, random }));
  });
}

/** A body of these bytes, in chunks of a pipe's size. */
export function bodyOf(content: Uint8Array, chunkBytes = 65_536): Readable {
  return Readable.from(chunksOf(content, chunkBytes), { objectMode: false });
}

/** A body that gives these bytes and then stays open until it is released. */
export function heldBody(content: Uint8Array): { body: Readable; release(): void } {
  const chunks = [...chunksOf(content, 65_536)];
  const gate = Promise.withResolvers<null>();
  const body = new Readable({
    read() {
      const chunk = chunks.shift();
      if (chunk) this.push(chunk);
      else gate.promise.then((end) => this.push(end));
    },
  });
  return { body, release: () => gate.resolve(null) };
}

export async function readObject(storage: Storage, key: string, signal: AbortSignal): Promise<Buffer> {
  return await buffer(await storage.get(key, { signal }));
}

export async function keysOf(storage: Storage, prefix: string, signal: AbortSignal): Promise<string[]> {
  return await Array.fromAsync(storage.list(prefix, signal), (object) => object.key);
}

/** Nothing at all came of a failed put. */
export async function assertNothing(
  subject: StorageSubject,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  await assert.rejects(subject.storage.stat(key, signal), (error) => hasCode(error, 'OBJECT_NOT_FOUND'));
  await assert.rejects(subject.storage.get(key, { signal }), (error) => hasCode(error, 'OBJECT_NOT_FOUND'));
  assert.deepEqual(await keysOf(subject.storage, '', signal), []);
  assert.deepEqual(await subject.unfinished(), []);
}

function* chunksOf(content: Uint8Array, chunkBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < content.byteLength; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
}
