import { readFile } from 'node:fs/promises';

/** Of this release. Sources and what is built of them are as deep below their package.json. */
export async function readVersion(): Promise<string> {
  const file = new URL('../../../package.json', import.meta.url);
  return String(JSON.parse(await readFile(file, 'utf8')).version);
}
