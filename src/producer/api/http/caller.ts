import type { Request } from 'express';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Caller } from '../../identity/access.ts';

const callers = new WeakMap<Request, Caller>();

/** Says who sent a request, once that is known. */
export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

/** Who sent it. UNAUTHENTICATED where nobody signed in. */
export function callerOf(request: Request): Caller {
  const caller = callers.get(request);
  if (caller) return caller;
  throw new BackupDataError('UNAUTHENTICATED', 'the request has no credentials', {
    hint: 'Send a token: Authorization: Bearer TOKEN. `backupdata token create` makes one.',
  });
}
