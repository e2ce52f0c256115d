import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** What becomes of one request. */
export type Fault =
  /** An error of the store, which never sees the request. */
  | { kind: 'answer'; status: number; code: string }
  /** The connection is reset: before the store sees the request, or in place of its answer. */
  | { kind: 'reset'; when: 'before' | 'after' }
  /** Nothing is read and nothing is answered any more. */
  | { kind: 'hang' }
  /** The connection is reset after so many bytes of the answer's body. */
  | { kind: 'truncate'; after: number }
  /** The answer's body ends after so many bytes as if they were all. */
  | { kind: 'shorten'; after: number }
  /** Nothing more comes after so many bytes of the answer's body. */
  | { kind: 'stall'; after: number };

/** A request as it comes in. */
export interface SeenRequest {
  /** As the S3 API calls it: `UploadPart`. */
  operation: string;
  part: number | undefined;
  headers: IncomingMessage['headers'];
}

/** A way to an S3 server on which requests fail as a test says. */
export interface S3FaultProxy {
  endpoint: string;
  /** Every request since the start, in order. */
  seen: readonly SeenRequest[];
  /** How many connections were closed so far, by either side. */
  closed(): number;
  /** Asked for every request from now on; undefined lets it pass. */
  decide(rule: (request: SeenRequest) => Fault | undefined): void;
  /** Bytes per second that all requests together may send; undefined for no limit. */
  limit(bytesPerSecond: number | undefined): void;
  /** Lets everything pass again; what hangs is reset. */
  heal(): void;
  close(): Promise<void>;
}

export async function openS3FaultProxy(target: string): Promise<S3FaultProxy> {
  const seen: SeenRequest[] = [];
  const hanging = new Set<ServerResponse>();
  const throttle = createThrottle();
  let rule: (request: SeenRequest) => Fault | undefined = () => undefined;
  const server = createServer((near, answer) => {
    // A side that died is dead for the other one too; its reason does not matter.
    near.on('error', () => undefined);
    const described = describe(near);
    seen.push(described);
    const fault = rule(described);
    if (fault?.kind === 'hang') hanging.add(answer);
    else void serve({ near, answer, fault, target, throttle, hanging }).catch(() => near.destroy());
  });
  let closed = 0;
  server.on('connection', (socket) => {
    socket.once('close', () => {
      closed += 1;
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
  const heal = (): void => {
    rule = () => undefined;
    throttle.limit(undefined);
    for (const answer of hanging) answer.destroy();
    hanging.clear();
  };
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    seen,
    closed: () => closed,
    decide: (next) => {
      rule = next;
    },
    limit: throttle.limit,
    heal,
    close: async () => {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Exchange {
  near: IncomingMessage;
  answer: ServerResponse;
  fault: Fault | undefined;
  target: string;
  throttle: Throttle;
  hanging: Set<ServerResponse>;
}

async function serve({ near, answer, fault, target, throttle, hanging }: Exchange): Promise<void> {
  if (fault?.kind === 'answer') return refuse(near, answer, fault);
  if (fault?.kind === 'reset' && fault.when === 'before') return reset(near);
  const far = await forward(near, target, throttle);
  if (fault?.kind === 'reset') {
    for await (const _chunk of far);
    return reset(near);
  }
  const partly = fault?.kind === 'truncate' || fault?.kind === 'stall' || fault?.kind === 'shorten';
  const length = fault?.kind === 'shorten' ? { 'content-length': fault.after } : {};
  answer.writeHead(far.statusCode ?? 500, { ...far.headers, ...length });
  if (!partly) return pipeline(far, answer);
  await sendSome(far, answer, fault.after);
  if (fault.kind === 'stall') hanging.add(answer);
  else if (fault.kind === 'shorten') answer.end();
  else reset(near);
}

function reset({ socket }: IncomingMessage): void {
  socket.resetAndDestroy();
}

/** The host that was signed stays the proxy's. */
async function forward(near: IncomingMessage, target: string, throttle: Throttle): Promise<IncomingMessage> {
  const { hostname, port } = new URL(target);
  const { method, url: path, headers } = near;
  const far = request({ hostname, port, method, path, headers, agent: false });
  const answered = once(far, 'response');
  const sent = pipeline(near, throttle.stream(), far);
  const [answer] = (await Promise.race([answered, sent.then(() => answered)])) as [IncomingMessage];
  return answer;
}

function refuse(near: IncomingMessage, answer: ServerResponse, fault: Fault & { kind: 'answer' }): void {
  near.resume();
  answer.writeHead(fault.status, { 'content-type': 'application/xml' });
  answer.end(
    `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>a test said so</Message></Error>`,
  );
}

async function sendSome(far: Readable, answer: ServerResponse, bytes: number): Promise<void> {
  let left = bytes;
  for await (const chunk of far as AsyncIterable<Buffer>) {
    const sent = chunk.subarray(0, left);
    left -= sent.length;
    await new Promise((done) => answer.write(sent, done));
    if (left === 0) return;
  }
}

function describe({ method = '', url = '', headers }: IncomingMessage): SeenRequest {
  const { searchParams, pathname } = new URL(url, 'http://localhost');
  const part = searchParams.get('partNumber');
  const object = /^\/[^/]+\/./.test(pathname);
  return {
    operation: operationOf({ method, searchParams, object }),
    part: part ? Number(part) : undefined,
    headers,
  };
}

function operationOf(asked: { method: string; searchParams: URLSearchParams; object: boolean }): string {
  const { method, searchParams, object } = asked;
  if (searchParams.has('uploads'))
    return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads';
  if (searchParams.has('uploadId')) {
    return (
      { PUT: 'UploadPart', POST: 'CompleteMultipartUpload', DELETE: 'AbortMultipartUpload' }[method] ?? method
    );
  }
  const what = object ? 'Object' : 'Bucket';
  if (method === 'GET' && !object) return 'ListObjectsV2';
  return `${{ GET: 'Get', PUT: 'Put', HEAD: 'Head', DELETE: 'Delete' }[method] ?? method}${what}`;
}

type Throttle = ReturnType<typeof createThrottle>;

/** One limit for all streams together, as a slow line has. */
function createThrottle() {
  let bytesPerSecond: number | undefined;
  let free = 0;
  const pass = async (bytes: number): Promise<void> => {
    if (bytesPerSecond === undefined) return;
    const now = performance.now();
    free = Math.max(free, now) + (bytes / bytesPerSecond) * 1_000;
    await delay(free - now);
  };
  return {
    limit: (next: number | undefined): void => {
      bytesPerSecond = next;
    },
    stream: (): Transform =>
      new Transform({
        transform: (chunk: Buffer, _encoding, done) => {
          pass(chunk.length).then(() => done(null, chunk), done);
        },
      }),
  };
}
