import type { Role } from '../../shared/config/access-schema.ts';
import type { Call, Operations } from '../operations/contract.ts';

/** Whom a token stands for. */
export interface Principal {
  /** The token's name; it is in the audit log, and never the token. */
  name: string;
  role: Role;
  /** Globs of the databases and servers that it may know of and touch; null for all. */
  databases: readonly string[] | null;
  /** Of the token; it is told to nobody. */
  sha256: string;
}

export const faces = ['rest', 'grpc', 'board', 'sign-in'] as const;

/** By which way somebody came in. */
export interface Origin {
  face: (typeof faces)[number];
  /** The address of the client, as far as trusted proxies tell it. */
  address: string;
}

/** Somebody who came in, and what they may do. */
export interface Caller {
  principal: Principal;
  origin: Origin;
  /** Of the service, as this principal may use them: FORBIDDEN for the rest. What changes something is in the audit log. */
  operations: Operations;
  call(signal: AbortSignal): Call;
}

/** A browser's session: opened by a token, and known by an id that only its cookie holds. */
export interface Sessions {
  open(principal: Principal): Promise<{ id: string; expiresAt: Date }>;
  /** The principal that it was opened for, as the configuration has it now; undefined where it is over. */
  find(id: string): Promise<Principal | undefined>;
  close(id: string): Promise<void>;
}

/** One line of the audit log. Times are RFC 3339 UTC. */
export interface AuditEntry {
  at: string;
  /** The token's name; null where nobody was recognised. */
  who: string | null;
  role: Role | null;
  /** The operation, or `sign-in`, `sign-out`, `authenticate`, `board`. */
  what: string;
  /** Names and ids that it was asked with. */
  about: Readonly<Record<string, string>>;
  face: Origin['face'];
  from: string;
  outcome: 'done' | 'failed' | 'refused';
  /** The error’s code where it was not done. */
  code: string | null;
}

/** An entry as it is read: one of another release may have other words. */
export interface AuditLine extends Omit<AuditEntry, 'face' | 'role' | 'outcome'> {
  face: string;
  role: string | null;
  outcome: string;
}

export interface Audit {
  /** Never throws, and waits for nothing: a log line, the file where one is configured, and the shared list in Redis. */
  record(entry: Omit<AuditEntry, 'at'>): void;
  /** Newest first. REDIS_UNAVAILABLE when it cannot be read. */
  read(page: {
    limit: number;
    after: string | undefined;
  }): Promise<{ entries: AuditLine[]; next: string | null }>;
}

/** Who may come in and what they may do, the same for every face. */
export interface Access {
  /** UNAUTHENTICATED for a token that is not known; RATE_LIMITED for an address that guessed too often. Both are in the audit log. */
  authenticate(token: string, origin: Origin): Promise<Principal>;
  enter(principal: Principal, origin: Origin): Caller;
  /** RATE_LIMITED, with how long to wait, for who asks too often. */
  count(caller: Caller): Promise<void>;
  sessions: Sessions;
  audit: Audit;
}
