import { open } from 'node:fs/promises';

/** How every file of SQLite begins. */
export const signature = Buffer.from('SQLite format 3\0');

/** What the first 100 bytes tell. */
export interface Header {
  pageSize: number;
  /** As the header counts them; right in a file that no write-ahead log belongs to. */
  pages: number;
  writeAhead: boolean;
  encoding: string;
  userVersion: number;
  applicationId: number;
  /** Of the library that wrote it last; empty when it does not tell. */
  version: string;
}

/** Null for a file that does not begin as one of SQLite. */
export async function readHeader(path: string): Promise<Header | null> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(100), 0, 100, 0);
  if (bytesRead < 100 || !buffer.subarray(0, signature.length).equals(signature)) return null;
  const pageSize = buffer.readUInt16BE(16);
  return {
    // 1 stands for the size that two bytes cannot hold.
    pageSize: pageSize === 1 ? 65_536 : pageSize,
    pages: buffer.readUInt32BE(28),
    writeAhead: buffer.readUInt8(18) === 2,
    encoding: encodings[buffer.readUInt32BE(56)] ?? '',
    userVersion: buffer.readInt32BE(60),
    applicationId: buffer.readUInt32BE(68),
    version: versionText(buffer.readUInt32BE(96)),
  };
}

const encodings: readonly string[] = ['', 'UTF-8', 'UTF-16le', 'UTF-16be'];

function versionText(number: number): string {
  if (number === 0) return '';
  return `${Math.floor(number / 1_000_000)}.${Math.floor(number / 1_000) % 1_000}.${number % 1_000}`;
}
