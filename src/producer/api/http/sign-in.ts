import express, { type Request, type Response, Router } from 'express';
import { asBackupDataError } from '../../../shared/errors.ts';
import type { Current } from '../../current.ts';
import type { Access, Principal } from '../../identity/access.ts';
import { addressOf, authenticate, orSignIn } from './authenticate.ts';
import { callerOf } from './caller.ts';
import { clearSessionCookie, sessionIdIn, setSessionCookie } from './cookie.ts';
import { assets } from './pages/assets.ts';
import { asSentence, sendPage } from './pages/page.ts';
import { signInPage } from './pages/sign-in.ts';
import { startPage } from './pages/start.ts';
import { beginProblem } from './problem.ts';
import { requireOwnPage } from './protect.ts';

/** The pages for people: where a token becomes a session, where that ends, and what is seen in between. */
export function createSignIn({ access, current }: { access: Access; current: Current }): Router {
  const router = Router();
  for (const [path, { type, text }] of Object.entries(assets))
    router.get(path, (_request, response) => {
      response.set('Cache-Control', 'public, max-age=3600').type(type).send(text);
    });
  router.get('/sign-in', (request, response) => {
    sendPage(response, signInPage({ next: nextIn(request.query.next), refusal: null }));
  });
  // Else a page elsewhere could sign people in as somebody else.
  const form = [requireOwnPage(current), express.urlencoded({ extended: false, limit: 4_096 })];
  router.post('/sign-in', form, async (request: Request, response: Response) =>
    signIn(request, response, { access, current }),
  );
  router.post('/sign-out', async (request, response) => signOut(request, response, { access, current }));
  router.get('/', orSignIn(authenticate(access, 'sign-in')), (request, response) => {
    const { principal } = callerOf(request);
    sendPage(response, startPage({ principal, installation: current().config.installation }));
  });
  return router;
}

interface Parts {
  access: Access;
  current: Current;
}

async function signIn(request: Request, response: Response, { access, current }: Parts): Promise<void> {
  const { token, next }: Record<string, unknown> = request.body ?? {};
  const origin = { face: 'sign-in', address: addressOf(request) } as const;
  try {
    const principal = await access.authenticate(typeof token === 'string' ? token.trim() : '', origin);
    const { id, expiresAt } = await access.sessions.open(principal);
    record(access, { principal, what: 'sign-in', from: origin.address });
    setSessionCookie(response, { id, expiresAt, secure: isSecure(request, current) });
    response.redirect(303, nextIn(next));
  } catch (thrown) {
    const error = asBackupDataError(thrown);
    if (error.code === 'INTERNAL') throw error;
    const { detail } = beginProblem(response, error);
    sendPage(response, signInPage({ next: nextIn(next), refusal: asSentence(detail) }));
  }
}

async function signOut(request: Request, response: Response, { access, current }: Parts): Promise<void> {
  const id = sessionIdIn(request);
  const principal = id === undefined ? undefined : await access.sessions.find(id);
  if (id !== undefined) await access.sessions.close(id);
  if (principal) record(access, { principal, what: 'sign-out', from: addressOf(request) });
  clearSessionCookie(response, { secure: isSecure(request, current) });
  response.redirect(303, '/sign-in');
}

function record(
  { audit }: Access,
  { principal, what, from }: { principal: Principal; what: string; from: string },
): void {
  const { name: who, role } = principal;
  audit.record({ who, role, what, about: {}, face: 'sign-in', from, outcome: 'done', code: null });
}

/** Whether people reach this by HTTPS, as the connection, a trusted proxy or the configuration says. */
function isSecure(request: Request, current: Current): boolean {
  const { publicUrl } = current().config;
  if (request.secure) return true;
  if (publicUrl === null) return false;
  const { protocol, host } = new URL(publicUrl);
  return protocol === 'https:' && host === request.headers.host;
}

/** A path of this server; that of the start page for anything else. */
function nextIn(value: unknown): string {
  const isPath =
    typeof value === 'string' && /^\/(?![/\\])[\x21-\x7e]*$/.test(value) && !value.includes('\\');
  return isPath ? value : '/';
}
