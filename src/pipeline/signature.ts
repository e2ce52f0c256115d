import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { BackupDataError } from '../shared/errors.ts';
import type { ManifestPart } from '../shared/manifest.ts';
import type { Attempt } from './attempt.ts';
import { databaseFolder } from './catalog/keys.ts';
import type { Codec } from './codec/codec.ts';
import { through } from './process/through.ts';

/** More than any codec's block, so that the beginning can be decoded without the rest. */
const headBytes = 256 * 1024;

/**
 * Decodes the beginning of a part as it was stored and compares its signature: a dump tool that exits 0 and wrote
 * nothing, or something else, is caught before the commit. Throws DUMP_EMPTY.
 */
export async function checkSignature(
  attempt: Attempt,
  { part, signature, signal }: { part: ManifestPart; signature: Buffer | 'any'; signal: AbortSignal },
): Promise<void> {
  const length = signature === 'any' ? 1 : signature.length;
  const beginning = await decodedBeginning(attempt, { part, length, signal });
  if (signature === 'any' ? beginning.length > 0 : beginning.equals(signature)) return;
  const found = beginning.length === 0 ? 'is empty' : 'does not begin as its format does';
  throw new BackupDataError(
    'DUMP_EMPTY',
    `the dump tool ended well, but its output ${found} (${part.name} of ${attempt.database.name})`,
    {
      hint: 'Run `backupdata check`; the tool that is found first may not be the real one.',
    },
  );
}

async function decodedBeginning(
  { storage, database, codecs }: Attempt,
  { part, length, signal }: { part: ManifestPart; length: number; signal: AbortSignal },
): Promise<Buffer> {
  const [volume] = part.volumes;
  if (!volume) return Buffer.alloc(0);
  const head = await storage.get(databaseFolder(database.name) + volume.key, {
    signal,
    length: Math.min(volume.bytes, headBytes),
  });
  let beginning: Buffer = await buffer(head);
  for (const codec of codecs.toReversed()) beginning = await decodeBeginning(beginning, codec);
  return beginning.subarray(0, length);
}

/** One codec after another: in one pipeline, the failure of the first at the cut would take along what the next still holds. */
async function decodeBeginning(encoded: Buffer, { inProcess }: Codec): Promise<Buffer> {
  if (!inProcess) return encoded;
  return take(through(Readable.from([encoded]), [inProcess.decode()]), headBytes);
}

/** The first bytes of a stream; fewer when it ends, or fails, before. */
async function take(stream: AsyncIterable<Buffer>, length: number): Promise<Buffer> {
  let taken = Buffer.alloc(0);
  try {
    for await (const chunk of stream) {
      taken = Buffer.concat([taken, chunk]).subarray(0, length);
      if (taken.length === length) break;
    }
  } catch {
    // A cut input is expected: only its beginning was sent.
  }
  return taken;
}
