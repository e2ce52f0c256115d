import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { before, describe, it } from 'node:test';
import type { Codec } from '../../src/pipeline/codec/codec.ts';
import type { Stage } from '../../src/pipeline/process/stage.ts';
import { through } from '../../src/pipeline/process/through.ts';
import { chooseSeed, createSeeded, type Seeded } from '../support/seeded.ts';
import { runStage } from '../support/stage.ts';

export interface CodecImplementation {
  name: string;
  make(): Promise<Codec>;
  /** What anyone would type to encode and to decode without BackUpData; null when the bytes stay as they are. */
  stockEncode: Stage | null;
  stockDecode: Stage | null;
  /** Why equal input cannot give equal bytes, where it cannot. */
  neverEqual?: string;
}

const flips = 20;

/** What every codec must do. Mandatory for an implementation of Codec. */
export function codecSuite({ name, make, stockEncode, stockDecode, neverEqual }: CodecImplementation): void {
  describe(`the codec ${name}`, () => {
    let codec: Codec;
    let random: Seeded;
    before(async () => {
      codec = await make();
      random = createSeeded(chooseSeed());
    });

    /** Compressible and incompressible stretches, larger than a pipe and than a block of any codec. */
    const sample = () =>
      Buffer.concat([random.bytes(300_000), Buffer.alloc(900_000, 'row;'), random.bytes(300_000)]);

    it('gives back what it encoded, and the stock tool does too', async (context) => {
      context.diagnostic(`TEST_SEED=${random.seed}`);
      const content = sample();
      const encoded = await succeed(codec.encode(), [content]);
      assert.ok(content.equals(await succeed(codec.decode(), [encoded])));
      assert.ok(content.equals(await succeed(stockDecode, [encoded])));
    });

    it('reads what the stock tool wrote', async () => {
      const content = sample();
      assert.ok(content.equals(await succeed(codec.decode(), [await succeed(stockEncode, [content])])));
    });

    it('does the same inside this process', async () => {
      const content = sample();
      const here = (bytes: Buffer, way: 'encode' | 'decode') =>
        buffer(through(Readable.from([bytes]), codec.inProcess ? [codec.inProcess[way]()] : []));
      const encoded = await here(content, 'encode');
      assert.ok(content.equals(await succeed(stockDecode, [encoded])));
      assert.ok(content.equals(await here(encoded, 'decode')));
      assert.ok(content.equals(await here(await succeed(codec.encode(), [content]), 'decode')));
      assert.equal((await here(await here(Buffer.alloc(0), 'encode'), 'decode')).byteLength, 0);
      if (!codec.inProcess) return;
      const flipped = encoded.fill((encoded.at(-1) ?? 0) ^ 1, encoded.length - 1);
      await assert.rejects(here(flipped, 'decode'), 'its checksum must be there and be looked at');
    });

    it('takes an input of no bytes', async () => {
      const encoded = await succeed(codec.encode(), []);
      assert.equal((await succeed(codec.decode(), [encoded])).byteLength, 0);
      assert.equal((await succeed(stockDecode, [encoded])).byteLength, 0);
    });

    it('takes its input one byte at a time', async () => {
      const content = Buffer.concat([random.bytes(1500), Buffer.alloc(1500, 'row;')]);
      const encoded = await succeed(codec.encode(), singleBytes(content));
      assert.ok(content.equals(await succeed(codec.decode(), singleBytes(encoded))));
    });

    it(`gives ${neverEqual ? `other bytes for equal input (${neverEqual})` : 'equal bytes for equal input'}`, async () => {
      const content = random.bytes(100_000);
      const first = await succeed(codec.encode(), [content]);
      const equal = first.equals(await succeed(codec.encode(), [content]));
      assert.equal(equal, neverEqual === undefined);
    });

    it('gives out the beginning of what ends early, inside this process', async () => {
      if (!codec.inProcess) return;
      const content = sample();
      const encoded = await succeed(codec.encode(), [content]);
      const given: Buffer[] = [];
      const cut = through(Readable.from([encoded.subarray(0, 256 * 1024)]), [codec.inProcess.decode()]);
      await assert.rejects(async () => {
        for await (const chunk of cut) given.push(chunk);
      });
      const beginning = Buffer.concat(given);
      assert.ok(beginning.length > 128 * 1024, `${beginning.length} bytes`);
      assert.ok(beginning.equals(content.subarray(0, beginning.length)));
    });

    it('is decoded by the command that it gives to people', async () => {
      if (!codec.stock) return;
      const content = sample();
      const encoded = await succeed(codec.encode(), [content]);
      assert.ok(codec.stock.command.startsWith(`${codec.name} `));
      const shell = { program: '/bin/sh', args: ['-c', codec.stock.command] };
      assert.ok(content.equals(await succeed({ ...stockDecode, ...shell }, [encoded])));
    });

    it('names itself as a manifest and a file name can hold', () => {
      assert.match(codec.name, /^[a-z0-9]+$/);
      assert.match(codec.extension, /^[a-z0-9]*$/);
      assert.equal(codec.encode() === null, codec.decode() === null);
      assert.equal(codec.encode() === null, codec.extension === '');
      assert.equal(codec.encode() === null, codec.stock === null);
    });

    it('fails on input that ends early, if it detects damage', async (context) => {
      context.diagnostic(`TEST_SEED=${random.seed}`);
      const encoded = await succeed(codec.encode(), [sample()]);
      const cuts = [0, 1, 4, 10, encoded.byteLength >> 1, encoded.byteLength - 4, encoded.byteLength - 1];
      for (const cut of codec.detectsDamage ? cuts : []) {
        const { code } = await runStage(codec.decode(), [encoded.subarray(0, cut)]);
        assert.notEqual(code, 0, `cut after ${cut} of ${encoded.byteLength} bytes`);
      }
    });

    it(`never decodes a flipped bit into other bytes, at ${flips} places, if it detects damage`, async (context) => {
      context.diagnostic(`TEST_SEED=${random.seed}`);
      const content = sample();
      const encoded = await succeed(codec.encode(), [content]);
      const places = Array.from({ length: codec.detectsDamage ? flips : 0 }, () =>
        random.below(encoded.byteLength),
      );
      for (const place of places) {
        const { code, stdout } = await runStage(codec.decode(), [
          withFlippedBit(encoded, place, random.below(8)),
        ]);
        // A few bits carry nothing (padding, the header's operating system); a flip of those harms no one.
        assert.ok(code !== 0 || content.equals(stdout), `byte ${place} of ${encoded.byteLength}`);
      }
    });

    it('fails on a bit flipped in what it stores uncompressed, if it detects damage', async () => {
      const encoded = await succeed(codec.encode(), [random.bytes(100_000)]);
      for (const bit of codec.detectsDamage ? [0, 3, 7] : []) {
        const { code } = await runStage(codec.decode(), [
          withFlippedBit(encoded, encoded.byteLength >> 1, bit),
        ]);
        assert.notEqual(code, 0);
      }
    });
  });
}

async function succeed(stage: Stage | null, input: Iterable<Uint8Array>): Promise<Buffer> {
  const { code, stdout, stderr } = await runStage(stage, input);
  assert.equal(code, 0, stderr);
  return stdout;
}

function* singleBytes(content: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < content.byteLength; at += 1) yield content.subarray(at, at + 1);
}

function withFlippedBit(content: Uint8Array, place: number, bit: number): Buffer {
  const damaged = Buffer.from(content);
  damaged[place] = (damaged[place] ?? 0) ^ (1 << bit);
  return damaged;
}
