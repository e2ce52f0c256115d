import { createGunzip, createGzip as zlibGzip } from 'node:zlib';
import type { Tools } from '../process/tools.ts';
import type { Codec } from './codec.ts';
import { findProgram } from './program.ts';

/** Gzip, by pigz where it is installed because that uses all cores; either reads what the other wrote. */
export async function createGzip({ level, tools }: { level: number; tools: Tools }): Promise<Codec> {
  const program = await findProgram(tools, ['pigz', 'gzip']);
  return {
    name: 'gzip',
    extension: 'gz',
    params: { level },
    detectsDamage: true,
    // -n: no time stamp, so that equal input gives equal bytes.
    encode: () => ({ program, args: ['-q', '-c', '-n', `-${level}`] }),
    decode: () => ({ program, args: ['-d', '-q', '-c'] }),
    inProcess: { encode: () => zlibGzip({ level }), decode: () => createGunzip() },
    stock: { command: 'gzip -d -q -c', needs: null },
    explain: () => undefined,
  };
}
