import type { TokenConfig } from '../../shared/config/access-schema.ts';
import { matchesPattern } from '../../shared/config/servers.ts';
import type { Principal } from './access.ts';

export function principalOf({ name, role, databases, sha256 }: TokenConfig): Principal {
  return { name, role, databases: databases ?? null, sha256 };
}

/** Whether a principal may know of a database or a server of that name. */
export function sees({ databases }: Principal, name: string): boolean {
  return databases === null || databases.some((pattern) => matchesPattern(pattern, name));
}
