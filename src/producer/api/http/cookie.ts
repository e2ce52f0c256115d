import type { Request, Response } from 'express';

const plainName = 'backupdata';
/** Browsers take a cookie of that name only by HTTPS, of this host and for all of it. */
const secureName = '__Host-backupdata';

/** The id of the session that a browser sent; undefined where it sent none. */
export function sessionIdIn(request: Request): string | undefined {
  const cookies = (request.headers.cookie ?? '').split(';').map((each) => each.trim());
  const sent = (name: string): string | undefined =>
    cookies.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const id = sent(secureName) ?? sent(plainName);
  return id !== undefined && /^[A-Za-z0-9_-]{43}$/.test(id) ? id : undefined;
}

export function setSessionCookie(
  response: Response,
  { id, expiresAt, secure }: { id: string; expiresAt: Date; secure: boolean },
): void {
  response.cookie(secure ? secureName : plainName, id, { ...flags(secure), expires: expiresAt });
}

export function clearSessionCookie(response: Response, { secure }: { secure: boolean }): void {
  response.clearCookie(secure ? secureName : plainName, flags(secure));
}

function flags(secure: boolean) {
  return { httpOnly: true, sameSite: 'strict', secure, path: '/' } as const;
}
