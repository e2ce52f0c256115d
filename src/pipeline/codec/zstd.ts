import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { Tools } from '../process/tools.ts';
import type { Codec } from './codec.ts';
import { findProgram } from './program.ts';

/** Zstandard on all cores, with its checksum over the content: without it damage decodes with exit code 0. */
export async function createZstd({ level, tools }: { level: number; tools: Tools }): Promise<Codec> {
  const program = await findProgram(tools, ['zstd']);
  return {
    name: 'zstd',
    extension: 'zst',
    params: { level },
    detectsDamage: true,
    encode: () => ({ program, args: ['-q', '-c', '-T0', '--check', `-${level}`] }),
    decode: () => ({ program, args: ['-d', '-q', '-c'] }),
    inProcess: {
      encode: () =>
        createZstdCompress({
          params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
        }),
      decode: () => createZstdDecompress(),
    },
    stock: { command: 'zstd -d -q -c', needs: null },
    explain: () => undefined,
  };
}
