import { createCodec } from '../../src/pipeline/codec/codecs.ts';
import { machineTools } from '../support/tools.ts';
import { codecSuite } from './codec-suite.ts';

for (const level of [1, 19]) {
  codecSuite({
    name: `zstd, level ${level}`,
    make: () => createCodec({ config: { type: 'zstd', level }, tools: machineTools() }),
    stockEncode: { program: 'zstd', args: ['-c'], env: machineTools().environment },
    stockDecode: { program: 'zstd', args: ['-d', '-c'], env: machineTools().environment },
  });
}
