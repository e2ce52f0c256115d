import type { RequestHandler, Response } from 'express';
import { followRequest } from '../../operations/contract.ts';
import type { JobUpdate } from '../../operations/documents.ts';
import { callerOf } from '../http/caller.ts';
import { inputOf } from './input.ts';
import { untilGone } from './until-gone.ts';

/** Milliseconds after which a proxy would take silence for the end. */
const heartbeat = 15_000;
/** The id of the last event. A browser that comes back with it has heard all. */
const lastId = 'end';

/** What becomes of a job, as server-sent events; the last one tells how it ended. */
export const sendEvents: RequestHandler = async (request, response) => {
  const { operations, call } = callerOf(request);
  const asked = inputOf(request, { schema: followRequest });
  if (request.get('Last-Event-ID') === lastId) {
    response.status(204).end();
    return;
  }
  const updates = operations.follow(asked, call(untilGone(response)))[Symbol.asyncIterator]();
  // A job that cannot be followed is answered as any other request is.
  const first = await updates.next();
  response.status(200).type('text/event-stream').set('X-Accel-Buffering', 'no').flushHeaders();
  if (request.method === 'HEAD') await updates.return?.();
  else await sendAll(response, { first, updates });
  response.end();
};

/** Where it fails the answer has begun, and is cut: a client asks again then. */
async function sendAll(
  response: Response,
  { first, updates }: { first: IteratorResult<JobUpdate>; updates: AsyncIterator<JobUpdate> },
): Promise<void> {
  const alive = setInterval(() => response.write(': still there\n\n'), heartbeat);
  try {
    let update = first;
    for (let count = 1; !update.done; count += 1) {
      send(response, update.value, count);
      update = await updates.next();
    }
  } finally {
    clearInterval(alive);
  }
}

function send(response: Response, update: JobUpdate, count: number): void {
  const ended = update.state === 'completed' || update.state === 'failed';
  const id = ended ? lastId : String(count);
  response.write(`id: ${id}\nevent: ${update.state}\ndata: ${JSON.stringify(update)}\n\n`);
}
