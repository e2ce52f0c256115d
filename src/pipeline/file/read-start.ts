import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf } from '../storage/local-failure.ts';

export interface FileStart {
  /** At most as many bytes as were asked for. */
  start: Buffer;
  /** Bytes in the whole file; a folder, a pipe or a device has none. */
  size: number;
  isFile: boolean;
}

/** The first bytes of a file, or the system's name of why they cannot be read: what that means is the caller's to say. */
export async function readStart(path: string, length: number): Promise<FileStart | { errno: string }> {
  try {
    // A pipe that nobody writes to must not be waited for.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) return { start: Buffer.alloc(0), size: 0, isFile: false };
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return { start: buffer.subarray(0, bytesRead), size: stat.size, isFile: true };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return { errno };
  }
}
