import { createCodec } from '../../src/pipeline/codec/codecs.ts';
import { machineTools } from '../support/tools.ts';
import { codecSuite } from './codec-suite.ts';

codecSuite({
  name: 'none',
  make: () => createCodec({ config: { type: 'none' }, tools: machineTools() }),
  stockEncode: null,
  stockDecode: null,
});
