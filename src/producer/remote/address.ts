import { isIPv4, isIPv6 } from 'node:net';
import { BackupDataError } from '../../shared/errors.ts';

/** Reads HOST:PORT, with an IPv6 address in brackets. USAGE for anything else. */
export function readAddress(server: string): { host: string; address: string } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(server);
  const [, ipv6, name, port] = match ?? [];
  const host = ipv6 ?? name;
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  if (host !== undefined && isPort && (ipv6 === undefined || isIPv6(ipv6)))
    // Nothing but a name is to be looked up: `dns:` keeps other schemes out.
    return { host, address: isIPv4(host) || ipv6 !== undefined ? server : `dns:${server}` };
  throw new BackupDataError('USAGE', `"${server}" is not the address of a server`, {
    hint: 'Write HOST:PORT, such as backups.example.com:50051, or [::1]:50051.',
  });
}
