import { createReadStream } from 'node:fs';

/** The bytes of a file, at most `limit` of them. */
export type ReadFile = (path: string, limit: number) => Promise<Uint8Array>;

/** Why a file could not be read, as half a sentence that does not quote it. */
export class FileProblem extends Error {
  readonly missing: boolean;

  constructor(message: string, missing = false) {
    super(message);
    this.missing = missing;
  }
}

/** The text of a UTF-8 file of at most `limit` bytes, without a byte order mark. Throws FileProblem. */
export async function readText(path: string, limit: number, readFile: ReadFile): Promise<string> {
  const bytes = await readBytes(path, limit + 1, readFile);
  if (bytes.length > limit) throw new FileProblem(`is larger than ${limit} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FileProblem('is not UTF-8 text');
  }
}

/** Reads no more than the limit, also of a file that has no end. */
export async function readLimited(path: string, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of createReadStream(path, { end: limit - 1 })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function readBytes(path: string, limit: number, readFile: ReadFile): Promise<Uint8Array> {
  try {
    return await readFile(path, limit);
  } catch (error) {
    const code = codeOf(error);
    throw new FileProblem(code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`, code === 'ENOENT');
  }
}

/** As `ENOENT`. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown failure';
}
