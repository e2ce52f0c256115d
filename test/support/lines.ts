import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Whether the text came before the end of the stream; the lines up to it go into `lines`. The stream is paused then. */
export async function readUntil(input: Readable, text: string, lines: string[]): Promise<boolean> {
  for await (const line of createInterface({ input })) {
    lines.push(line);
    if (line.includes(text)) return true;
  }
  return false;
}
