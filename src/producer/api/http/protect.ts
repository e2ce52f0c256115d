import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import { BackupDataError } from '../../../shared/errors.ts';
import { isLoopback } from '../../../shared/loopback.ts';
import type { Current } from '../../current.ts';
import { sessionIdIn } from './cookie.ts';

const nothing = ["'none'"];
const own = ["'self'"];
const common = {
  defaultSrc: nothing,
  scriptSrc: own,
  connectSrc: own,
  formAction: own,
  frameAncestors: nothing,
  manifestSrc: own,
};

/** A browser that may not say where it comes from sends `Origin: null` with a form, which would be refused. */
const referrerPolicy = { policy: 'same-origin' } as const;

/** For our own pages, which have no inline script or style. */
export const strictHeaders: RequestHandler = helmet({
  referrerPolicy,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { ...common, styleSrc: own, imgSrc: [...own, 'data:'], baseUri: nothing },
  },
});

/** Bull Board sets styles from its script, and has a base. */
export const boardHeaders: RequestHandler = helmet({
  referrerPolicy,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      ...common,
      styleSrc: [...own, "'unsafe-inline'"],
      imgSrc: [...own, 'data:'],
      fontSrc: [...own, 'data:'],
      baseUri: own,
    },
  },
});

/**
 * A page elsewhere could have its own name resolve to this machine: what listens on it alone answers only to its names, and to that
 * of `publicUrl`, which a proxy in front hands on.
 */
export function refuseForeignNames(host: string, current: Current): RequestHandler {
  return (request, _response, next) => {
    const name = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    if (!isLoopback(host) || isLoopback(name) || name === publicUrlOf(current)?.hostname) next();
    else
      next(
        new BackupDataError('ORIGIN_REFUSED', 'this address answers only to the names of this machine', {
          hint: 'Ask for it by localhost or 127.0.0.1, or set publicUrl in the configuration to what people ask for.',
        }),
      );
  };
}

function publicUrlOf(current: Current): URL | undefined {
  const { publicUrl } = current().config;
  return publicUrl === null ? undefined : new URL(publicUrl);
}

const harmless = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * What a browser does by its user's session is done only for a page of this very origin. A token in a header is nothing that a
 * browser would add by itself.
 */
export function refuseForeignOrigins(current: Current): RequestHandler {
  const requireOwn = requireOwnPage(current);
  return (request, response, next) => {
    const isBySession = sessionIdIn(request) !== undefined && request.headers.authorization === undefined;
    if (isBySession && !harmless.has(request.method)) requireOwn(request, response, next);
    else next();
  };
}

/** For what nobody but a page of this very origin may ask for. */
export function requireOwnPage(current: Current): RequestHandler {
  return (request, _response, next) => {
    if (isOwnPage(request, current)) next();
    else
      next(
        new BackupDataError('ORIGIN_REFUSED', 'the request comes from a page of another origin', {
          hint: 'Programs send a token: Authorization: Bearer TOKEN.',
        }),
      );
  };
}

function isOwnPage(request: Request, current: Current): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return site !== undefined;
  const here = `${request.protocol}://${request.headers.host ?? ''}`;
  return origin === here || origin === publicUrlOf(current)?.origin;
}

const allowed = {
  methods: 'GET, POST, PUT, DELETE',
  headers: 'authorization, content-type, idempotency-key, last-event-id',
  seconds: '600',
};

/** Lets pages of configured origins use the API with a token of their own; never with a cookie. */
export function allowOrigins(current: Current): RequestHandler {
  return (request, response, next) => {
    const { origin } = request.headers;
    response.vary('Origin');
    if (origin === undefined || !current().config.api.cors.includes(origin)) {
      next();
      return;
    }
    response.set('Access-Control-Allow-Origin', origin);
    response.set('Access-Control-Expose-Headers', 'Link, Location, Retry-After');
    if (request.method !== 'OPTIONS') {
      next();
      return;
    }
    response.set('Access-Control-Allow-Methods', allowed.methods);
    response.set('Access-Control-Allow-Headers', allowed.headers);
    response.set('Access-Control-Max-Age', allowed.seconds);
    response.sendStatus(204);
  };
}

/** Of a request's body, in bytes. */
const largestBody = 64 * 1024;
/** Begins what is thrown amid the reading: express keeps nothing of an error but its message. */
const neverAKey = 'the body has a key that is never one:';
const dangerous = new Set(['__proto__', 'constructor', 'prototype']);

/** The body as JSON, and nothing else. */
export const jsonBody: RequestHandler[] = [
  refuseOtherTypes,
  express.json({
    limit: largestBody,
    inflate: false,
    reviver: (key: string, value: unknown) => {
      if (!dangerous.has(key)) return value;
      throw new SyntaxError(`${neverAKey} ${key}`);
    },
  }),
];

function refuseOtherTypes(request: Request, _response: Response, next: NextFunction): void {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!hasBody || request.is('application/json')) next();
  else
    next(
      new BackupDataError('USAGE', 'the body is not of the type application/json', {
        hint: 'Send it as JSON, with Content-Type: application/json.',
      }),
    );
}

/** An error of express or of Node as one of ours. */
export function explainHttp(thrown: unknown): unknown {
  if (thrown instanceof BackupDataError || !(thrown instanceof Error)) return thrown;
  const { type, status } = thrown as Error & { type?: string; status?: number };
  if (type === 'entity.too.large')
    return new BackupDataError('REQUEST_TOO_LARGE', `the body is larger than ${largestBody} bytes`, {
      cause: thrown,
    });
  if (type === 'entity.parse.failed') {
    const reason = thrown.message.startsWith(neverAKey) ? thrown.message : 'the body is not JSON';
    return new BackupDataError('USAGE', reason, { cause: thrown });
  }
  if (status !== undefined && status >= 400 && status < 500)
    return new BackupDataError('USAGE', 'the request cannot be read', { cause: thrown });
  return thrown;
}
