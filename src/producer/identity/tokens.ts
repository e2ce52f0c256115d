import { createHash, timingSafeEqual } from 'node:crypto';
import type { TokenConfig } from '../../shared/config/access-schema.ts';

/** Bytes of a token that nobody can guess. */
const randomness = 32;
/** As `newToken` makes them: no other text is a token, so that nobody has one that can be guessed. */
const form = /^bkd_[A-Za-z0-9_-]{43}$/;

/** `bkd_` and 43 characters. It is shown once; what is kept is its hash. */
export function newToken(randomBytes: (count: number) => Uint8Array): { token: string; sha256: string } {
  const token = `bkd_${Buffer.from(randomBytes(randomness)).toString('base64url')}`;
  return { token, sha256: hashOf(token).toString('hex') };
}

/** Takes the same time whichever of them it is, and whether it is any. */
export function findToken(tokens: readonly TokenConfig[], token: string): TokenConfig | undefined {
  const hash = hashOf(token);
  const [found] = tokens.filter(({ sha256 }) => timingSafeEqual(hash, Buffer.from(sha256, 'hex')));
  return form.test(token) ? found : undefined;
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
