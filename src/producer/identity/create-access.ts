import { randomBytes as systemRandomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { TokenConfig } from '../../shared/config/access-schema.ts';
import { BackupDataError, type ErrorCode } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Current } from '../current.ts';
import type { Operations } from '../operations/contract.ts';
import type { Access, Audit, Origin, Principal } from './access.ts';
import { createAudit } from './audit.ts';
import { guard } from './guard.ts';
import { createLimits, type Limits } from './limits.ts';
import { principalOf, sees } from './principal.ts';
import { createSessions } from './sessions.ts';
import { findToken } from './tokens.ts';

export interface AccessOptions {
  current: Current;
  operations: Operations;
  /** Whose commands fail at once while it is away. */
  redis: Redis;
  /** Counts while the configuration has no token. */
  firstToken?: TokenConfig | undefined;
  logger: Logger;
  clock: () => Date;
  randomBytes?: (count: number) => Uint8Array;
}

export function createAccess(options: AccessOptions): Access & { close(): Promise<void> } {
  const { current, redis, operations, clock, randomBytes = systemRandomBytes } = options;
  const { installation } = current().config;
  const tokens = (): readonly TokenConfig[] => tokensOf(options);
  const audit = createAudit(options);
  const limits = createLimits({ redis, installation });
  return {
    authenticate: (token, origin) => authenticate({ token, origin, tokens: tokens(), audit, limits }),
    enter: (principal, origin) => {
      const { beginToFollow } = limits;
      const isKnown = (): boolean => tokens().some(({ sha256 }) => sha256 === principal.sha256);
      return {
        principal,
        origin,
        operations: guard({ operations, principal, origin, audit, beginToFollow, isKnown }),
        call: (signal) => ({ signal, by: principal.name, sees: (name) => sees(principal, name) }),
      };
    },
    count: ({ principal }) => limits.countRequest(principal.name),
    sessions: createSessions({ redis, installation, tokens, clock, randomBytes }),
    audit,
    close: audit.close,
  };
}

/** Those of the configuration; where it has none, the one that `up` made at its first start. */
function tokensOf({ current, firstToken }: AccessOptions): readonly TokenConfig[] {
  const { tokens } = current().config.auth;
  return tokens.length === 0 && firstToken ? [firstToken] : tokens;
}

/** A right token is taken however many wrong ones came from its address: it cannot be guessed, and nobody can lock another out. */
async function authenticate(options: {
  token: string;
  origin: Origin;
  tokens: readonly TokenConfig[];
  audit: Audit;
  limits: Limits;
}): Promise<Principal> {
  const { token, origin, tokens, audit, limits } = options;
  const found = findToken(tokens, token);
  if (found) return principalOf(found);
  const record = (code: ErrorCode): void =>
    audit.record({
      who: null,
      role: null,
      what: 'authenticate',
      about: {},
      face: origin.face,
      from: origin.address,
      outcome: 'refused',
      code,
    });
  // Only so many lines as are counted: whoever has no token must not fill the log, and push the others out of it.
  await limits.countWrongToken(origin.address, () => record('RATE_LIMITED'));
  record('UNAUTHENTICATED');
  throw wrongToken();
}

function wrongToken(): BackupDataError {
  return new BackupDataError('UNAUTHENTICATED', 'the token is not one of this installation', {
    hint: 'See `auth.tokens` in the configuration of the producer; `backupdata token create` makes one.',
  });
}
