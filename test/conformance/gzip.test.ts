import { createCodec } from '../../src/pipeline/codec/codecs.ts';
import { machineTools } from '../support/tools.ts';
import { codecSuite } from './codec-suite.ts';

const programs = [
  { program: 'pigz', hidden: ['gzip'] },
  { program: 'gzip', hidden: ['pigz'] },
];

for (const { program, hidden } of programs) {
  codecSuite({
    name: `gzip, by ${program}`,
    make: () => createCodec({ config: { type: 'gzip', level: 6 }, tools: machineTools({ hidden }) }),
    stockEncode: { program: 'gzip', args: ['-c'], env: machineTools().environment },
    stockDecode: { program: 'gzip', args: ['-d', '-c'], env: machineTools().environment },
  });
}
