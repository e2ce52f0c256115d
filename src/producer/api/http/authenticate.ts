import type { Request, RequestHandler, Response } from 'express';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Access, Origin, Principal } from '../../identity/access.ts';
import { callerOf, setCaller } from './caller.ts';
import { sessionIdIn } from './cookie.ts';

/** Finds out who sends a request, by its token or its session; UNAUTHENTICATED for nobody, RATE_LIMITED for who asks too often. */
export function authenticate(access: Access, face: Origin['face']): RequestHandler {
  return async (request, response, next) => {
    response.set('Cache-Control', 'no-store');
    const origin = { face, address: addressOf(request) };
    const principal = await principalOf(access, request, origin);
    if (principal) {
      const caller = access.enter(principal, origin);
      await access.count(caller);
      setCaller(request, caller);
    }
    callerOf(request);
    next();
  };
}

/** Sends a browser without a session to the page where it gets one. */
export function orSignIn(authenticated: RequestHandler): RequestHandler {
  return async (request, response, next) => {
    try {
      await authenticated(request, response, next);
    } catch (error) {
      const isUnknown = error instanceof BackupDataError && error.code === 'UNAUTHENTICATED';
      if (!isUnknown || request.method !== 'GET' || !wantsPage(request)) throw error;
      toSignIn(request, response);
    }
  };
}

export function addressOf(request: Request): string {
  return request.ip ?? request.socket.remoteAddress ?? 'unknown';
}

async function principalOf(access: Access, request: Request, origin: Origin): Promise<Principal | undefined> {
  const { authorization } = request.headers;
  if (authorization !== undefined) return access.authenticate(tokenIn(authorization), origin);
  const id = sessionIdIn(request);
  return id === undefined ? undefined : access.sessions.find(id);
}

/** What is no token is treated as a wrong one. */
function tokenIn(authorization: string): string {
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '';
}

/** Whether somebody looks at the answer in a browser. */
export function wantsPage(request: Request): boolean {
  return request.accepts(['json', 'html']) === 'html';
}

function toSignIn(request: Request, response: Response): void {
  response.redirect(`/sign-in?next=${encodeURIComponent(request.originalUrl)}`);
}
