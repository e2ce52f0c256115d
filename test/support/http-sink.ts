import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Received {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A server that keeps what it is sent. */
export interface HttpSink {
  url: string;
  port: number;
  received: readonly Received[];
  /** Connections that were ever made. */
  connections(): number;
  /** How it answers from now on; 200 at first. `hang` never does. */
  answer(how: number | 'hang' | ((response: ServerResponse) => void)): void;
  close(): Promise<void>;
}

export async function startHttpSink(host = '127.0.0.1'): Promise<HttpSink> {
  const received: Received[] = [];
  let how: Parameters<HttpSink['answer']>[0] = 200;
  let connections = 0;
  const server = createServer((request, response) => {
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
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    received,
    connections: () => connections,
    answer: (next) => {
      how = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
