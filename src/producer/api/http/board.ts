import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Queue } from 'bullmq';
import {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
  Router,
} from 'express';
import type { Redis } from 'ioredis';
import { BackupDataError } from '../../../shared/errors.ts';
import { explainLoss } from '../../../shared/redis.ts';
import type { Access } from '../../identity/access.ts';
import { callerOf } from './caller.ts';
import { asSentence } from './pages/page.ts';
import type { Problem } from './problem.ts';

export const boardPath = '/queues';

const uiConfig = {
  boardTitle: 'BackUpData',
  boardLogo: { path: '/assets/icon.svg', width: 24, height: 24 },
  favIcon: { default: '/assets/icon.svg', alternative: '/assets/icon.svg' },
  miscLinks: [{ text: 'Start page', url: '/' }],
};

/** Jobs that are told at once; Bull Board itself takes any number, and what is kept is read into memory whole. */
const longestPage = 100;

/** Milliseconds that one action may take. */
const patience = 30_000;

export interface Board {
  router: Router;
  show(queues: readonly Queue[]): void;
}

/**
 * Bull Board, for who may see everything. Whoever is no admin looks and does no more; an admin may run a job again and cancel one,
 * in the product's own way: what Bull Board itself would do to a queue (empty it, add a job, retry one under its old id) breaks
 * what backups rely on, and is refused.
 */
export function createBoard(options: { access: Access; queues: readonly Queue[]; redis: Redis }): Board {
  const { access, queues, redis } = options;
  const [looking, acting] = [
    createOne(queues, { redis, readOnly: true }),
    createOne(queues, { redis, readOnly: false }),
  ];
  const router = Router();
  router.use(refuseLimited, refuseLongPages, withoutForeignFonts);
  router.put('/api/queues/:queue/:jobId/retry', act('retryJob'));
  router.put('/api/queues/:queue/:jobId/clean', act('cancelJob'));
  router.use(refuseChanges(access));
  router.use((request, response, next) => {
    const board = callerOf(request).principal.role === 'admin' ? acting : looking;
    board.handle(request, response, next);
  });
  return {
    router,
    show: (queues) => {
      for (const board of [looking, acting]) board.show(queues);
    },
  };
}

/** What the page of Bull Board shows of an error that it is answered with. */
export function toldByBoard({ detail, hint }: Problem): Readonly<Record<string, unknown>> {
  return { error: asSentence(detail), ...(hint !== null && { message: hint }) };
}

function createOne(
  queues: readonly Queue[],
  { redis, readOnly }: { redis: Redis; readOnly: boolean },
): { handle: RequestHandler; show(queues: readonly Queue[]): void } {
  const adapter = new ExpressAdapter();
  adapter.setBasePath(boardPath);
  const shown = (queue: Queue): BullMQAdapter => new BullMQAdapter(queue, { readOnlyMode: readOnly });
  const options = { uiConfig };
  const { setQueues } = createBullBoard({ queues: queues.map(shown), serverAdapter: adapter, options });
  adapter.setErrorHandler((error) => throwExplained(redis, error));
  const app: Express = adapter.getRouter();
  app.disable('x-powered-by');
  return { handle: app, show: (next) => setQueues(next.map(shown)) };
}

/** Bull Board's own handler would quote whatever was thrown; what this throws goes where every other error goes. */
function throwExplained(redis: Redis, error: Error): never {
  if (error instanceof URIError)
    throw new BackupDataError('USAGE', 'the request cannot be read', { cause: error });
  throw explainLoss(redis, error);
}

/** Bull Board knows nothing of names that somebody may not see. */
function refuseLimited(request: Request, _response: Response, next: NextFunction): void {
  const { principal } = callerOf(request);
  if (principal.databases === null) next();
  else
    next(
      new BackupDataError(
        'FORBIDDEN',
        `the token ${principal.name} is limited to some databases, and the queues show all`,
        {
          hint: 'Ask the API for its jobs: /api/v1/jobs.',
        },
      ),
    );
}

function refuseLongPages({ query }: Request, _response: Response, next: NextFunction): void {
  if (query.jobsPerPage === undefined || Number(query.jobsPerPage) <= longestPage) next();
  else next(new BackupDataError('USAGE', `jobsPerPage is not a number up to ${longestPage}`));
}

/** Through the guarded operations: they know the role that it takes, and write the audit log. */
function act(what: 'retryJob' | 'cancelJob'): RequestHandler {
  return async (request, response) => {
    const { operations, call } = callerOf(request);
    const jobId = String(request.params.jobId);
    await operations[what]({ jobId }, call(AbortSignal.timeout(patience)));
    response.json({});
  };
}

function refuseChanges({ audit }: Access): RequestHandler {
  return (request, _response, next) => {
    if (request.method === 'GET' || request.method === 'HEAD') {
      next();
      return;
    }
    const { principal, origin } = callerOf(request);
    audit.record({
      who: principal.name,
      role: principal.role,
      what: 'board',
      about: { path: request.path.slice(0, 200) },
      face: origin.face,
      from: origin.address,
      outcome: 'refused',
      code: 'FORBIDDEN',
    });
    next(
      principal.role === 'admin'
        ? new BackupDataError('FORBIDDEN', 'the queues are changed by the product alone', {
            hint: 'One job may be run again or cancelled; see `backupdata jobs --help` and `backupdata schedule --help` for the rest.',
          })
        : readOnly(principal.name),
    );
  };
}

function readOnly(name: string): BackupDataError {
  return new BackupDataError('FORBIDDEN', `the queues are read-only for the token ${name}`, {
    hint: 'It takes a token with the role admin.',
  });
}

/** Its page asks another server for fonts; nobody there needs to know of this one. */
function withoutForeignFonts(_request: Request, response: Response, next: NextFunction): void {
  const send = response.send.bind(response);
  response.send = (body) =>
    send(typeof body === 'string' ? body.replace(/<link [^>]*fonts\.googleapis\.com[^>]*>/g, '') : body);
  next();
}
