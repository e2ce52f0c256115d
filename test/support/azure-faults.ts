import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** What happens to a request on the way; nothing where there is none. */
export type Fault =
  /** None of its body is taken, and no answer comes. */
  | { kind: 'stall' }
  /** All of it is taken, and no answer comes. */
  | { kind: 'hold' }
  /** The connection is reset, before the store hears of it or `after` it has done what it was asked. */
  | { kind: 'reset'; after?: boolean }
  /** The store gets it twice; the second answer counts. */
  | { kind: 'twice' }
  /** The store does what it is asked; the answer comes when this resolves. */
  | { kind: 'late'; until: Promise<void> }
  /** The store hears of it when this resolves. */
  | { kind: 'early'; until: Promise<void> }
  /** After so many bytes of the answer's body, the connection is `closed` or nothing comes any more. */
  | { kind: 'cut'; after: number; end: 'close' | 'silence' }
  /** The store never hears of it. */
  | { kind: 'answer'; status: number; code?: string; headers?: Record<string, string>; body?: string };

export interface SeenRequest {
  /** `PUT` with its query's `comp` (`PUT block`), or the method alone. */
  name: string;
  url: URL;
  headers: IncomingMessage['headers'];
}

/** A way to Azurite on which any request can go wrong. */
export interface FaultyWay {
  port: number;
  /** What came so far, in order. */
  seen: readonly SeenRequest[];
  /** Connections on which a request is not yet over. */
  busy(): number;
  /** How many requests were read to their end. */
  taken(): number;
  /** Asked for every request from now on. */
  faults(decide: (request: SeenRequest) => Fault | undefined): void;
  close(): Promise<void>;
}

export async function openFaultyWay(target: number): Promise<FaultyWay> {
  const seen: SeenRequest[] = [];
  let decide: (request: SeenRequest) => Fault | undefined = () => undefined;
  let busy = 0;
  let taken = 0;
  const server = createServer((incoming, answer) => {
    busy += 1;
    answer.once('close', () => {
      busy -= 1;
    });
    incoming.once('end', () => {
      taken += 1;
    });
    const each = describe(incoming);
    seen.push(each);
    // A side that hangs up is what these tests are about.
    carry(target, { incoming, answer, fault: decide(each) }).catch(() => incoming.socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the way has no port');
  return {
    port: address.port,
    seen,
    busy: () => busy,
    taken: () => taken,
    faults: (next) => {
      decide = next;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Carried {
  incoming: IncomingMessage;
  answer: ServerResponse;
  fault: Fault | undefined;
}

async function carry(target: number, { incoming, answer, fault }: Carried): Promise<void> {
  if (fault?.kind === 'stall') return;
  const body = await buffer(incoming);
  if (fault?.kind === 'hold') return;
  if (fault?.kind === 'reset' && !fault.after) return void incoming.socket.resetAndDestroy();
  if (fault?.kind === 'answer') return answerBySelf(answer, fault);
  if (fault?.kind === 'early') await fault.until;
  if (fault?.kind === 'twice') (await forward(target, incoming, body)).resume();
  const real = await forward(target, incoming, body);
  if (fault?.kind === 'reset') return void incoming.socket.resetAndDestroy();
  if (fault?.kind === 'late') await fault.until;
  answer.writeHead(real.statusCode ?? 500, real.headers);
  if (fault?.kind === 'cut') await cutShort(real, answer, fault);
  else real.pipe(answer);
}

async function forward(
  port: number,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port, method, path: url, headers });
  sent.end(body);
  const [real]: IncomingMessage[] = await once(sent, 'response');
  if (!real) throw new Error('there is no answer');
  return real;
}

async function cutShort(
  real: IncomingMessage,
  answer: ServerResponse,
  { after, end }: { after: number; end: 'close' | 'silence' },
): Promise<void> {
  answer.write((await buffer(real)).subarray(0, after), () => {
    if (end === 'close') answer.destroy();
  });
}

function answerBySelf(
  answer: ServerResponse,
  { status, code, headers = {}, body = '' }: Extract<Fault, { kind: 'answer' }>,
): void {
  const named = code === undefined ? {} : { 'x-ms-error-code': code };
  answer.writeHead(status, { 'content-type': 'application/xml', ...named, ...headers });
  answer.end(body);
}

function describe({ method = '', url = '', headers }: IncomingMessage): SeenRequest {
  const parsed = new URL(url, 'http://127.0.0.1');
  const part = parsed.searchParams.get('comp');
  return { name: part === null ? method : `${method} ${part}`, url: parsed, headers };
}
