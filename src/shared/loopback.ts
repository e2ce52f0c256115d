import { isIPv4 } from 'node:net';

/** Whether a host is this machine, and nobody else reaches what listens there. An IPv6 address may stand in brackets. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}
