import { BackupDataError } from '../../../shared/errors.ts';
import type { EngineContext } from '../engine.ts';
import { type ArchiveEntries, readDefinitions } from './archive.ts';
import { namingRoles } from './roles.ts';

export interface OwnerOptions {
  args: readonly string[];
  notes: readonly string[];
}

/**
 * How to restore without owners. Grants are kept unless one of them names a role that the server lacks, or default
 * privileges are those of a role that the user may not act as. OWNER_MISSING when a row security policy names a missing
 * role: without it the rows would be protected otherwise than in the source.
 */
export async function withoutOwners(
  archive: ArchiveEntries,
  { missing, actsAs }: { missing: readonly string[]; actsAs: ReadonlySet<string> },
  context: EngineContext,
): Promise<OwnerOptions> {
  if (missing.length > 0) {
    const lacking = new Set(missing);
    const lacked = async (...descs: string[]): Promise<string[]> => {
      const named = await rolesNamedBy(archive, (desc) => descs.includes(desc), context);
      return named.filter((role) => lacking.has(role));
    };
    const needed = await lacked('POLICY', 'USER MAPPING');
    if (needed.length > 0) throw policyRoleMissing(needed);
    const ungranted = await lacked('ACL', 'DEFAULT ACL');
    if (ungranted.length > 0)
      return grantsLeftOut(`some are to roles that the server lacks: ${ungranted.join(', ')}`);
  }
  const others = archive.entries.filter(({ desc, owner }) => desc === 'DEFAULT ACL' && !actsAs.has(owner));
  if (others.length === 0) return ownersLeftOut;
  const names = [...new Set(others.map(({ owner }) => owner))].join(', ');
  return grantsLeftOut(`default privileges are of roles that this user may not act as: ${names}`);
}

function grantsLeftOut(why: string): OwnerOptions {
  return {
    args: ['--no-owner', '--no-privileges'],
    notes: [`owners and all grants were left out, because ${why}`],
  };
}

const ownersLeftOut: OwnerOptions = { args: ['--no-owner'], notes: ['owners were left out'] };

async function rolesNamedBy(
  { entries, ...archive }: ArchiveEntries,
  wanted: (desc: string) => boolean,
  context: EngineContext,
): Promise<string[]> {
  const chosen = entries.filter(
    (entry) => namingRoles.has(entry.desc) && wanted(entry.desc) && !/^DATABASE /.test(entry.tag),
  );
  return rolesIn(await readDefinitions({ ...archive, entries: chosen }, context));
}

const name = '(?:"(?:[^"]|"")+"|[\\w$]+)';
const mention = new RegExp(`\\b(?:TO|FROM|FOR|ROLE|AUTHORIZATION) (${name}(?:, ${name})*)`, 'g');

/** Words that are no roles are among them; whoever asks compares with roles. */
export function rolesIn(sql: string): string[] {
  const mentioned = [...sql.matchAll(mention)].flatMap(
    (match) => match[1]?.match(new RegExp(name, 'g')) ?? [],
  );
  return [...new Set(mentioned.map((each) => each.replace(/^"(.*)"$/s, '$1').replaceAll('""', '"')))];
}

function policyRoleMissing(roles: readonly string[]): BackupDataError {
  return new BackupDataError(
    'OWNER_MISSING',
    `row security policies or user mappings of the backup are for roles that the server lacks: ${roles.join(', ')}`,
    {
      hint: 'Make these roles on the server, or restore with --globals instead of --no-owner.',
    },
  );
}
