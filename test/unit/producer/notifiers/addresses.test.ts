import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { describe, it } from 'node:test';
import { isPublicAddress, publicOnly } from '../../../../src/producer/notifiers/addresses.ts';

const never = `
  0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254
  169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.168.0.1 192.168.255.255 198.18.0.1
  198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1
  fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 2001::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1
  2606:4700::1%eth0 localhost 127.1 2130706433 0x7f000001 example.com 1.2.3 1.2.3.4.5 8.8.8.8:80 [2606:4700::1]
`;

const may = `
  1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255
  169.255.0.1 172.15.255.255 172.32.0.1 192.167.255.255 192.169.0.1 223.255.255.255
  2600:: 2606:4700::1111 2a00:1450:4001:81b::200e 3ffe::1
`;

const words = (text: string): string[] => text.trim().split(/\s+/);

describe('an address', () => {
  for (const address of [...words(never), ''])
    it(`"${address}" is none of the public internet`, () => assert.equal(isPublicAddress(address), false));
  for (const address of words(may))
    it(`"${address}" is one of the public internet`, () => assert.equal(isPublicAddress(address), true));
});

describe('a lookup that gives public addresses only', () => {
  const refusal = new Error('private');
  const ask = (answer: LookupAddress[] | Error, all: boolean) =>
    new Promise((resolve, reject) => {
      const given: LookupFunction = (_name, options, done) => {
        assert.equal(options.all, true, 'every address is looked at');
        if (answer instanceof Error) done(answer, []);
        else done(null, answer);
      };
      publicOnly(given, () => refusal)('a.example', { all }, (error, address, family) =>
        error ? reject(error) : resolve({ address, family }),
      );
    });
  const [one, other, own] = [
    { address: '8.8.8.8', family: 4 },
    { address: '2600::1', family: 6 },
    { address: '10.0.0.1', family: 4 },
  ];

  it('gives them in the form that it is asked for', async () => {
    assert.deepEqual(await ask([one, other], true), { address: [one, other], family: undefined });
    assert.deepEqual(await ask([one, other], false), { address: '8.8.8.8', family: 4 });
  });

  it('gives none where one of them is not, and where there is none', async () => {
    for (const answer of [[own], [one, own], [own, one], [one, other, own], []])
      for (const all of [true, false]) await assert.rejects(ask(answer, all), (error) => error === refusal);
  });

  it('passes on that a name is not known', async () => {
    const unknown = new Error('ENOTFOUND');
    await assert.rejects(ask(unknown, true), (error) => error === unknown);
  });
});
