import { createServer } from 'node:http';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Queue } from 'bullmq';
import express, { type NextFunction, type Request, type Response } from 'express';
import { listen } from '../../shared/telemetry.ts';

const boardPath = '/queues';
const loopback = new Set(['127.0.0.1', 'localhost', '::1', '[::1]']);

/** Whether a host to listen on can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return loopback.has(host);
}

/**
 * Serves Bull Board at /queues, read-only. There is no sign-in, so it listens on loopback alone, and it answers only requests that
 * were meant for a loopback name: a page elsewhere could otherwise have its own name resolve to this machine.
 */
export async function startConsole(options: {
  host: string;
  port: number;
  queues: readonly Queue[];
}): Promise<{ url: string; show(queues: readonly Queue[]): void; close(): Promise<void> }> {
  const app = express();
  app.disable('x-powered-by');
  app.use(refuseForeignNames);
  const board = new ExpressAdapter();
  board.setBasePath(boardPath);
  const { setQueues } = createBullBoard({ queues: options.queues.map(shown), serverAdapter: board });
  app.use(boardPath, board.getRouter());
  app.get('/', (_request, response) => response.redirect(boardPath));
  const server = await listen(createServer(app), options);
  return { ...server, show: (queues) => setQueues(queues.map(shown)) };
}

function shown(queue: Queue): BullMQAdapter {
  return new BullMQAdapter(queue, { readOnlyMode: true });
}

function refuseForeignNames(request: Request, response: Response, next: NextFunction): void {
  const name = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (loopback.has(name)) next();
  else response.status(403).type('text/plain').send('this console answers only to localhost\n');
}
