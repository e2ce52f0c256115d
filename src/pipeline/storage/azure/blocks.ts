import type { Readable } from 'node:stream';

/** Every block but the last of an object. A volume of 64 GiB has 8,192 of them; Azure takes 50,000. */
export const blockBytes = 8 * 1024 * 1024;

/**
 * The body in blocks, however small or large its chunks are: the last one shorter, and a single empty one for an empty
 * body. Takes the memory of full blocks from `spare` before it asks for more.
 */
export async function* blocksOf(body: Readable, spare: Buffer[]): AsyncGenerator<Buffer> {
  let block = takeBlock(spare);
  let filled = 0;
  let blocks = 0;
  for await (const each of body) {
    const chunk: Uint8Array = each;
    for (let at = 0; at < chunk.byteLength; ) {
      const taken = chunk.subarray(at, at + blockBytes - filled);
      block.set(taken, filled);
      filled += taken.byteLength;
      at += taken.byteLength;
      if (filled < blockBytes) continue;
      yield block;
      blocks += 1;
      block = takeBlock(spare);
      filled = 0;
    }
  }
  if (filled > 0 || blocks === 0) yield block.subarray(0, filled);
}

function takeBlock(spare: Buffer[]): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
}

/**
 * The id of a block: no two puts share one, so that two writers of a key cannot mix their bytes, and it tells when it
 * was sent, which the store does not. Azure demands that all ids of a blob are of one length.
 */
export function blockId(options: { at: Date; random: string; index: number }): string {
  const time = String(options.at.getTime()).padStart(15, '0');
  const index = String(options.index).padStart(5, '0');
  return Buffer.from(`bkd-${time}-${options.random}-${index}`).toString('base64');
}

/** When a block was sent, and by which put; undefined for an id that is not of our pattern. */
export function readBlockId(id: string): { at: Date; random: string } | undefined {
  const match = /^bkd-(\d{15})-([a-z0-9]+)-\d{5}$/.exec(Buffer.from(id, 'base64').toString('latin1'));
  const [, time, random] = match ?? [];
  return time === undefined || random === undefined ? undefined : { at: new Date(Number(time)), random };
}
