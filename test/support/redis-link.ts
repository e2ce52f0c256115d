import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a worker sends, or what Redis answers. */
export type Direction = 'requests' | 'answers';

/** A way to Redis that can be blocked at an exact point: the network between one worker and Redis. */
export interface RedisLink {
  /** For the worker's REDIS_URL. */
  url: string;
  /**
   * Calls `observe` for everything that passes, before it does. When it answers `hold`, that and all that follows in
   * the same direction is kept until `release`.
   */
  watch(direction: Direction, observe: (chunk: Buffer) => 'pass' | 'hold'): void;
  /** Whether anything is kept now. */
  holds(direction: Direction): boolean;
  /** Lets everything pass again, what was kept first. */
  release(): void;
  close(): Promise<void>;
}

/** Opens a link to the Redis of `url` on a free loopback port. */
export async function openRedisLink(url: string): Promise<RedisLink> {
  const { hostname, port } = new URL(url);
  const gates = { requests: createGate(), answers: createGate() };
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, to, gate] of [
      [near, far, gates.requests],
      [far, near, gates.answers],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => gate.carry({ chunk, to }));
      // A side that died is dead for the other one too; its reason does not matter.
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: throughPort(url, server.address()),
    watch: (direction, observe) => gates[direction].watch(observe),
    holds: (direction) => gates[direction].holds(),
    release: () => Object.values(gates).forEach((gate) => void gate.release()),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function throughPort(url: string, address: ReturnType<Server['address']>): string {
  if (typeof address !== 'object' || address === null) throw new Error('the link has no port');
  return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(address.port) }).href;
}

interface Passing {
  chunk: Buffer;
  to: Socket;
}

function createGate() {
  let observe: (chunk: Buffer) => 'pass' | 'hold' = () => 'pass';
  let held: Passing[] | undefined;
  return {
    carry: (passing: Passing): void => {
      if (!held && observe(passing.chunk) === 'hold') held = [];
      if (held) held.push(passing);
      else send(passing);
    },
    watch: (next: typeof observe): void => {
      observe = next;
    },
    holds: (): boolean => held !== undefined,
    release: (): void => {
      observe = () => 'pass';
      const kept = held ?? [];
      held = undefined;
      kept.forEach(send);
    },
  };
}

function send({ chunk, to }: Passing): void {
  if (to.writable) to.write(chunk);
}
