import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Whether an address is one of the public internet: none of this machine, of a private network, or of a cloud's metadata
 * service. What cannot be read as an address is none.
 */
export function isPublicAddress(address: string): boolean {
  // With a zone (`fe80::1%eth0`) an address is of one link.
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 4) return !special.ipv4.check(address, 'ipv4');
  return family === 6 && global.check(address, 'ipv6') && !special.ipv6.check(address, 'ipv6');
}

/**
 * A `lookup` for connections that gives an answer only where every address in it is public. The connection uses this answer
 * and no other, so that a name cannot be one address when it is checked and another when it is connected to.
 */
export function publicOnly(lookup: LookupFunction, refuse: () => Error): LookupFunction {
  return (name, options, done) =>
    lookup(name, { ...options, all: true }, (error, found, family) => {
      if (error) return done(error, []);
      const addresses =
        typeof found === 'string' ? [{ address: found, family: family ?? isIP(found) }] : found;
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => isPublicAddress(address))) return done(refuse(), []);
      if (options.all) return done(null, addresses);
      done(null, first.address, first.family);
    });
}

type Network = readonly [address: string, prefix: number];

/** All that the internet routes is in there; what stands for an address of IPv4 (mapped, NAT64) is not. */
const global = blockList('ipv6', [['2000::', 3]]);

const special = {
  ipv4: blockList('ipv4', [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    // Carriers' NAT; some clouds have their metadata service there.
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    // Link-local, with the metadata service of most clouds.
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    // Multicast, reserved, and broadcast.
    ['224.0.0.0', 3],
  ]),
  ipv6: blockList('ipv6', [
    // Teredo and other tunnels.
    ['2001::', 23],
    ['2001:db8::', 32],
    // 6to4 holds an address of IPv4.
    ['2002::', 16],
    ['3fff::', 20],
  ]),
};

function blockList(family: 'ipv4' | 'ipv6', networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of networks) list.addSubnet(address, prefix, family);
  return list;
}
