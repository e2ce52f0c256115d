import { createCipheriv, createHash, randomInt } from 'node:crypto';

/** Random values that a seed repeats. */
export interface Seeded {
  readonly seed: number;
  /** A whole number from 0 up to but not including `limit`. */
  below(limit: number): number;
  bytes(length: number): Buffer;
}

/** Set TEST_SEED to repeat a run; every test that uses this prints its seed. */
export function chooseSeed(): number {
  const given = process.env.TEST_SEED;
  return given === undefined ? randomInt(2 ** 31) : Number(given);
}

export function createSeeded(seed: number): Seeded {
  const key = createHash('sha256').update(`seed ${seed}`).digest();
  const stream = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  const bytes = (length: number) => stream.update(Buffer.alloc(length));
  return { seed, bytes, below: (limit) => Math.floor((bytes(4).readUInt32LE() / 2 ** 32) * limit) };
}
