import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Received {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** PEM texts of a server that speaks TLS. */
export interface SinkTls {
  cert: string;
  key: string;
}

/** A server that keeps what it is sent. */
export interface HttpSink {
  url: string;
  port: number;
  received: readonly Received[];
  /** Connections that were ever made, and those that are open. */
  connections(): { made: number; open: number };
  /** How it answers from now on; 200 at first. `hang` never does. */
  answer(how: number | 'hang' | ((response: ServerResponse) => void)): void;
  close(): Promise<void>;
}

/** On 127.0.0.1. */
export async function startHttpSink(tls?: SinkTls): Promise<HttpSink> {
  const received: Received[] = [];
  let how: Parameters<HttpSink['answer']>[0] = 200;
  let [made, open] = [0, 0];
  const listener: RequestListener = (request, response) => {
    const { method = '', url: path = '', headers } = request;
    void text(request).then(
      (body) => {
        received.push({ method, path, headers, body });
        if (typeof how === 'function') how(response);
        else if (how !== 'hang') response.writeHead(how).end('a word of the service');
      },
      // Whoever sends may go away in the middle of it.
      () => undefined,
    );
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.on('connection', (socket) => {
    made += 1;
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    received,
    connections: () => ({ made, open }),
    answer: (next) => {
      how = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
