import { bech32 } from '@scure/base';

/** Whether it is an X25519 public key as age writes it (age-encryption.org/v1, Bech32 with prefix `age`): a misspelt one has a wrong checksum. */
export function isAgeRecipient(text: string): boolean {
  return text === text.toLowerCase() && isKey(text, 'age');
}

/** Whether it is an X25519 secret key as age writes it (prefix `AGE-SECRET-KEY-`, in capitals). */
export function isAgeIdentity(text: string): boolean {
  return text === text.toUpperCase() && isKey(text.toLowerCase(), 'age-secret-key-');
}

const keyBytes = 32;

function isKey(text: string, prefix: string): boolean {
  const decoded = bech32.decodeUnsafe(text);
  return decoded?.prefix === prefix && bech32.fromWordsUnsafe(decoded.words)?.length === keyBytes;
}
