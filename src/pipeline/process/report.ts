import { closeSync, fstatSync, readSync } from 'node:fs';
import { openUnnamed } from './unnamed-files.ts';

/** A file without a name, in which a stage leaves what this process wants to know of it. */
export interface Report {
  /** To be among the descriptors of the stage. */
  descriptor: number;
  /** What is in it. */
  read(): Buffer;
  /** Harmless twice. */
  close(): void;
}

export function openReport(): Report {
  const descriptor = openUnnamed();
  let open = true;
  return {
    descriptor,
    read: () => {
      const bytes = Buffer.alloc(fstatSync(descriptor).size);
      readSync(descriptor, bytes, 0, bytes.length, 0);
      return bytes;
    },
    close: () => {
      if (open) closeSync(descriptor);
      open = false;
    },
  };
}
