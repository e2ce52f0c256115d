import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Secret } from '../../src/shared/secret.ts';

/** A key pair of age. */
export interface AgeKey {
  identity: Secret;
  recipient: string;
}

export async function makeAgeKey(): Promise<AgeKey> {
  const identity = await generateX25519Identity();
  return { identity: new Secret(identity), recipient: await identityToRecipient(identity) };
}
