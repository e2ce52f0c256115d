import { identityToRecipient } from 'age-encryption';
import { isAgeRecipient } from '../../shared/age-keys.ts';
import { BackupDataError } from '../../shared/errors.ts';
import type { Secret } from '../../shared/secret.ts';
import type { Codec } from './codec.ts';

/** The public keys that a manifest names; none when another writer named none, or some of a kind that cannot be compared. */
export function recipientsOf({ recipients }: Codec['params']): string[] {
  const named = typeof recipients === 'string' ? recipients.split(' ') : [];
  return named.every(isAgeRecipient) ? named : [];
}

/** Whether one of the secret keys belongs to one of the public keys. */
export async function anyFits(
  identities: readonly Secret[],
  recipients: readonly string[],
): Promise<boolean> {
  const ours = await Promise.all(identities.map((identity) => identityToRecipient(identity.reveal())));
  return ours.some((recipient) => recipients.includes(recipient));
}

/** `what` cannot be decrypted with the identities of this configuration. It says nothing of the backup. */
export function identityMissing(
  what: string,
  { recipients, identities, cause }: { recipients: readonly string[]; identities: number; cause?: unknown },
): BackupDataError {
  const to =
    recipients.length > 0 ? `to ${recipients.join(', ')}` : 'with age, its manifest does not tell to whom';
  const ours = identities === 1 ? 'one identity, which is not' : `${identities} identities, none of them`;
  const has = identities === 0 ? 'no identities' : `${ours} for ${recipients.length > 0 ? 'these' : 'it'}`;
  return new BackupDataError(
    'IDENTITY_MISSING',
    `${what} is encrypted ${to}; this configuration has ${has}`,
    {
      hint: 'Add the key file that opens it to `identities` in the configuration that is used here.',
      cause,
    },
  );
}
