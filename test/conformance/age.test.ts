import { codecFromManifest } from '../../src/pipeline/codec/codecs.ts';
import { makeAgeKey } from '../support/age.ts';
import { machineTools } from '../support/tools.ts';
import { codecSuite } from './codec-suite.ts';

const { identity, recipient } = await makeAgeKey();
const other = await makeAgeKey();
const env = { ...machineTools().environment, IDENTITY: '/dev/fd/3' };

for (const [name, recipients] of Object.entries({
  'age, to one recipient': [recipient],
  'age, to the second of two recipients': [other.recipient, recipient],
})) {
  codecSuite({
    name,
    make: () =>
      codecFromManifest({
        name: 'age',
        params: { recipients: recipients.join(' ') },
        backupId: 'shop-20260102T030405Z-abc234',
        identities: [identity],
        tools: machineTools(),
      }),
    stockEncode: { program: 'age', args: recipients.flatMap((each) => ['-r', each]), env },
    stockDecode: { program: 'age', args: ['-d', '-i', '/dev/fd/3'], env, files: [identity] },
    neverEqual: 'each is encrypted with a new key',
  });
}
