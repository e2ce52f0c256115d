import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { BackupDataError } from './errors.ts';

export interface TelemetryOptions {
  host: string;
  /** 0 for any free port. */
  port: number;
  registry: Registry;
  /** What keeps the process from doing its work; empty when nothing does. */
  problems: () => readonly string[];
}

/** Serves /livez, /readyz and /metrics; they hold no names but those of databases and storages, and need no token. */
export async function startTelemetry(
  options: TelemetryOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    // A metric that cannot be read costs the answer, not the process and its runs.
    const answered = answer(options, request.url ?? '/').catch(() =>
      text(500, 'this cannot be answered now\n'),
    );
    void answered.then(({ status, type, body }) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    });
  });
  // A slow client may hold a connection, not a thread; still it shall not hold it for ever.
  server.requestTimeout = 10_000;
  return listen(server, options);
}

/** Listens, or says in one sentence why not. */
export async function listen(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<{ url: string; close(): Promise<void> }> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new BackupDataError('CONFIG_INVALID', `cannot listen on ${host}:${port}: ${cause.message}`, {
          hint: 'Choose another port with PORT or METRICS_PORT (0 takes any free one), or another HOST.',
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://${name}:${address.port}`, close };
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

async function answer({ registry, problems }: TelemetryOptions, url: string): Promise<Answer> {
  const path = url.split('?')[0];
  if (path === '/livez') return text(200, 'ok\n');
  if (path === '/metrics') return { status: 200, type: registry.contentType, body: await registry.metrics() };
  if (path !== '/readyz') return text(404, 'not found; there are /livez, /readyz and /metrics\n');
  const found = problems();
  return found.length === 0 ? text(200, 'ok\n') : text(503, `${found.join('\n')}\n`);
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}
