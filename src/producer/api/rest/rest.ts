import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Redis } from 'ioredis';
import type { Current } from '../../current.ts';
import type { Access } from '../../identity/access.ts';
import { contract, type Operations } from '../../operations/contract.ts';
import { callerOf } from '../http/caller.ts';
import { sendEvents } from './events.ts';
import { sendAudit, sendMe } from './extra.ts';
import { type Answer, answerOnce } from './idempotency.ts';
import { inputOf } from './input.ts';
import { openApi } from './openapi.ts';
import { type Route, routes } from './routes.ts';
import { untilGone } from './until-gone.ts';

interface RestOptions {
  access: Access;
  redis: Redis;
  current: Current;
  version: string;
}

/** The REST API below /api/v1; who asks is known by then, and every failure is thrown. */
export function createRest(options: RestOptions): Router {
  const router = Router({ caseSensitive: true, strict: true });
  for (const route of routes) router[route.method](expressPath(route.path), handlerOf(route, options));
  router.get('/jobs/:jobId/events', sendEvents);
  router.get('/me', sendMe);
  router.get('/audit', sendAudit(options.access));
  const document = openApi(options.version);
  router.get('/openapi.json', (_request, response) => {
    response.json(document);
  });
  return router;
}

function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function handlerOf(route: Route, { redis, current }: RestOptions): RequestHandler {
  return async (request, response) => {
    const answer = (): Promise<Answer> => run(route, request, response);
    const { installation } = current().config;
    const { status, location, body, replayed } =
      route.method === 'post'
        ? await answerOnce(request, { redis, installation, answer })
        : { ...(await answer()), replayed: false };
    if (location !== null) response.location(location);
    if (replayed) response.set('Idempotency-Replayed', 'true');
    linkNext(request, response, body);
    response.status(status).json(body);
  };
}

async function run(route: Route, request: Request, response: Response): Promise<Answer> {
  const { operation, status, jobOf, usualLimit } = route;
  const { operations, call } = callerOf(request);
  const input = inputOf(request, { schema: contract[operation].request, usualLimit });
  const ask = operations[operation] as (
    asked: unknown,
    by: Parameters<Operations['follow']>[1],
  ) => Promise<unknown>;
  const body = await ask(input, call(untilGone(response)));
  return { status, location: jobOf ? `/api/v1/jobs/${jobOf(body)}` : null, body };
}

/** RFC 8288: the page that follows. */
function linkNext(request: Request, response: Response, body: unknown): void {
  const next = (body as { next?: string | null }).next;
  if (typeof next !== 'string') return;
  const url = new URL(request.originalUrl, 'http://here');
  url.searchParams.set('after', next);
  response.links({ next: `${url.pathname}${url.search}` });
}
