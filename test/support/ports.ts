import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections, so that a server that is killed can have its port again. */
const range = { from: 20_000, to: 32_000 };

/** A port of 127.0.0.1 that nothing listens on. Another process may take it first. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(range.from, range.to);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found between ${range.from} and ${range.to}`);
}

/** Starts a server on a free port; on another one when some process was quicker to take it. */
export async function onFreePort<T>(
  start: (port: number) => Promise<T>,
): Promise<{ port: number; server: T }> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    try {
      return { port, server: await start(port) };
    } catch (error) {
      if (tries === 5 || !/in use/i.test(String(error))) throw error;
    }
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
