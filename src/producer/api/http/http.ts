import { createServer, type Server } from 'node:http';
import type { Queue } from 'bullmq';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Router } from 'express';
import type { Redis } from 'ioredis';
import { asBackupDataError, BackupDataError } from '../../../shared/errors.ts';
import type { Logger } from '../../../shared/logger.ts';
import { listen } from '../../../shared/telemetry.ts';
import type { Current } from '../../current.ts';
import type { Access } from '../../identity/access.ts';
import { authenticate, orSignIn, wantsPage } from './authenticate.ts';
import { boardPath, createBoard, toldByBoard } from './board.ts';
import { sendPage } from './pages/page.ts';
import { problemPage } from './pages/problem.ts';
import { beginProblem, problemOf, sendProblem } from './problem.ts';
import {
  allowOrigins,
  boardHeaders,
  explainHttp,
  jsonBody,
  refuseForeignNames,
  refuseForeignOrigins,
  strictHeaders,
} from './protect.ts';
import { createSignIn } from './sign-in.ts';

export interface HttpOptions {
  host: string;
  /** 0 for any free port. */
  port: number;
  access: Access;
  current: Current;
  /** What Bull Board shows. */
  queues: readonly Queue[];
  /** Where those queues are. */
  redis: Redis;
  /** The REST API. */
  rest: Router;
  logger: Logger;
}

const apiPath = '/api/v1';

/** Serves the REST API, the sign-in and Bull Board; everything but the sign-in only to who has a token or a session. */
export async function startHttp(
  options: HttpOptions,
): Promise<{ url: string; show(queues: readonly Queue[]): void; close(): Promise<void> }> {
  const { host, port, access, queues, redis } = options;
  const board = createBoard({ access, queues, redis });
  const server = serverOf(createApp(options, board.router));
  return { ...(await listen(server, { host, port })), show: board.show };
}

function createApp({ host, access, current, rest, logger }: HttpOptions, board: Router): Express {
  const app = express();
  app.disable('x-powered-by');
  // Else express itself would answer with a stack where an answer fails amid its way.
  app.set('env', 'production');
  app.set('query parser', 'simple');
  app.set('trust proxy', (_address: string, hop: number) => hop < current().config.api.trustedProxies);
  app.use(strictHeaders, refuseForeignNames(host, current), refuseForeignOrigins(current));
  app.use(boardPath, boardHeaders, orSignIn(authenticate(access, 'board')), board);
  app.use(apiPath, allowOrigins(current), authenticate(access, 'rest'), jsonBody, rest);
  app.use(createSignIn({ access, current }));
  app.use(authenticate(access, 'rest'), noSuchRoute);
  app.use(answerWithProblem(logger));
  return app;
}

/** Milliseconds and counts that keep slow clients from holding what others need. */
function serverOf(app: Express): Server {
  const limits = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 2_000 };
  const server = createServer({ ...limits, keepAliveTimeout: 5_000, maxHeaderSize: 16_384 }, app);
  server.maxHeadersCount = 100;
  server.maxConnections = 1_000;
  return server;
}

const noSuchRoute: RequestHandler = (request, _response, next) => {
  next(
    new BackupDataError('ROUTE_NOT_FOUND', `there is nothing at ${request.method} ${request.path}`, {
      hint: `${apiPath}/openapi.json describes what there is.`,
    }),
  );
};

function answerWithProblem(logger: Logger): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (thrown: unknown, request, response, _next) => {
    // The client went away, and what was done for it was stopped.
    if (response.destroyed) return;
    const error = asBackupDataError(explainHttp(thrown));
    if (error.code === 'INTERNAL')
      logger.error('a request failed', { method: request.method, path: request.path, error: thrown });
    if (response.headersSent) response.destroy();
    else if (request.path.startsWith(`${boardPath}/api/`))
      sendProblem(response, error, toldByBoard(problemOf(error)));
    else if (wantsPage(request) && !request.path.startsWith(`${apiPath}/`))
      sendPage(response, problemPage(beginProblem(response, error)));
    else sendProblem(response, error);
  };
}
