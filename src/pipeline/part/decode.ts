import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BackupDataError } from '../../shared/errors.ts';
import type { ManifestPart, ManifestVolume } from '../../shared/manifest.ts';
import type { Codec } from '../codec/codec.ts';
import { decodeStages } from '../codec/stages.ts';
import type { PartReader } from '../engine/engine.ts';
import { StageFailure } from '../process/failure.ts';
import { startStages } from '../process/run.ts';
import type { Stage } from '../process/stage.ts';
import type { Storage } from '../storage/storage.ts';
import { openPart } from './read.ts';

const collectLimit = 64 * 1024 * 1024;

/** Where the parts of one backup are, and how they are decoded. */
export interface PartSource {
  storage: Storage;
  /** As in a `ReadRequest`. */
  storageOf?: (volume: ManifestVolume) => Storage;
  /** The database's folder, with its trailing slash. */
  folder: string;
  codecs: readonly Codec[];
  signal: AbortSignal;
  onBytes?: (count: number) => void;
}

/**
 * Streams a decoded part into `consumer`, or only through the decoders when there is none. The consumer never sees
 * the end of a part whose bytes are wrong: it is killed before its input could end. With `partial` it may end well before
 * it read everything. Throws what failed first: OBJECT_DAMAGED and its like from the storage, IDENTITY_MISSING where no key
 * fits, or StageFailure.
 */
export async function decodeInto(
  source: PartSource,
  part: ManifestPart,
  consumer: Stage | readonly Stage[] | null,
  { partial = false }: { partial?: boolean } = {},
): Promise<void> {
  await run(source, part, { consumer, partial, take: discard });
}

/**
 * Gives the decoded part to `take`, as a stream that ends only after every hash was right and every decoder ended well.
 * Once it resolves or throws, no decoder is left. Throws as `decodeInto` does, and what `take` throws.
 */
export function decodeTo(
  source: PartSource,
  part: ManifestPart,
  take: (decoded: Readable) => Promise<void>,
): Promise<void> {
  return run(source, part, { consumer: null, partial: false, take });
}

/** Feeds the decoded parts of one backup to what an engine asks for. */
export function partReader(source: PartSource): PartReader {
  return {
    collect: (part, stage) => run(source, part, { consumer: stage, partial: true, take: collect }),
    read: (part) => run(source, part, { consumer: null, partial: false, take: collect }),
  };
}

interface RunOptions<T> {
  /** One program, or several that are joined; none only decodes. */
  consumer: Stage | readonly Stage[] | null;
  partial: boolean;
  /** Reads the output of the last program to its end. */
  take: (output: Readable) => Promise<T>;
}

async function run<T>(
  source: PartSource,
  part: ManifestPart,
  { consumer, partial, take }: RunOptions<T>,
): Promise<T> {
  // What is stored as it is, for people, was never encoded.
  const decoders = part.kind === 'instructions' ? [] : decodeStages(source.codecs);
  const stages = [...decoders, ...(consumer ? [consumer].flat() : [])];
  if (stages.length === 0) return take(openPart({ ...source, part }));
  const failed = new AbortController();
  const signal = AbortSignal.any([source.signal, failed.signal]);
  const running = await startStages({ stages, input: 'pipe', signal, stopWith: 'SIGKILL', partial });
  const stored = openPart({ ...source, part });
  // Only a failure to read may stop the programs: one that stopped reading has an exit code of its own.
  stored.once('error', (error) => {
    if (!running.input?.destroyed) failed.abort(error);
  });
  const feeding = running.input ? pipeline(stored, running.input) : Promise.resolve();
  const [output, ended] = await Promise.allSettled([take(running.output), running.finished, feeding]);
  stored.destroy();
  // Our own refusal to read on stops the programs; what they then say of it is no cause.
  if (output.status === 'rejected' && output.reason instanceof BackupDataError) throw output.reason;
  if (ended.status === 'rejected') throw explained(source.codecs, ended.reason);
  if (output.status === 'rejected') throw output.reason;
  return output.value;
}

function explained(codecs: readonly Codec[], failure: unknown): unknown {
  if (!(failure instanceof StageFailure)) return failure;
  return codecs.map((codec) => codec.explain(failure)).find((error) => error !== undefined) ?? failure;
}

async function discard(stream: Readable): Promise<void> {
  for await (const _chunk of stream);
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > collectLimit)
      throw new BackupDataError('INTERNAL', `more than ${collectLimit} bytes were to be held in memory`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
