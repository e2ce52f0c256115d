import { setTimeout as wait } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { TokenConfig } from '../shared/config/access-schema.ts';
import type { ReleaseStack } from '../shared/lifecycle.ts';
import type { Logger } from '../shared/logger.ts';
import { notificationsQueue, schedulesQueue } from '../shared/queues/names.ts';
import { openQueue } from '../shared/queues/queue.ts';
import type { Secret } from '../shared/secret.ts';
import { startGrpc } from './api/grpc/grpc.ts';
import { startHttp } from './api/http/http.ts';
import { createRest } from './api/rest/rest.ts';
import { openQueueAccess, type QueueAccess } from './client/open.ts';
import type { Reloadable } from './current.ts';
import { createAccess } from './identity/create-access.ts';
import { manifestCacheIn } from './manifest-cache.ts';
import { createOperations } from './operations/operations.ts';

/** Where people and programs reach the operations. */
export interface Faces {
  /** Of REST, the sign-in and Bull Board. */
  http: string;
  /** HOST:PORT. */
  grpc: string;
}

export interface FacesOptions {
  redisUrl: Secret;
  host: string;
  ports: { http: number; grpc: number };
  /** Counts while the configuration has no token. */
  firstToken: TokenConfig | undefined;
  /** Of this release. */
  version: string;
  logger: Logger;
}

/** What else the process tells the faces. */
export interface Around extends Reloadable {
  releases: ReleaseStack;
  /** Why it cannot do its work now. */
  problems: () => readonly string[];
}

/**
 * Serves the operations to who has a token. It works while Redis is away, too: what needs only the catalog is answered, and the
 * rest refused at once.
 */
export async function startFaces(options: FacesOptions & Around): Promise<Faces> {
  const { redisUrl, host, ports, firstToken, version, logger, current, onReload, releases, problems } =
    options;
  const clock = (): Date => new Date();
  const { installation } = current().config;
  const queues = openQueueAccess({ config: () => current().config, redisUrl, role: 'api' });
  releases.push(queues.close);
  const { redis } = queues;
  const operations = createOperations({
    current,
    queues,
    cache: manifestCacheIn({ redis, installation }),
    clock,
    wait: (milliseconds, signal) => wait(milliseconds, undefined, { signal }),
  });
  const access = createAccess({ current, operations, redis, firstToken, logger, clock });
  releases.push(access.close);
  const rest = createRest({ access, redis, current, version });
  const http = await startHttp({ host, port: ports.http, access, current, queues: [], redis, rest, logger });
  releases.push(http.close);
  const show = showQueues({ queues, installation, show: http.show, releases });
  redis.on('ready', show);
  onReload(show);
  show();
  const { tls } = current().config.grpc;
  const grpc = await startGrpc({ host, port: ports.grpc, access, tls, logger, problems });
  releases.push(grpc.close);
  return { http: http.url, grpc: grpc.address };
}

/** Bull Board shows them from when Redis is reached for the first time: BullMQ does not open a queue before. */
function showQueues(options: {
  queues: QueueAccess;
  installation: string;
  show: (queues: readonly Queue[]) => void;
  releases: ReleaseStack;
}): () => void {
  const { queues, installation, show, releases } = options;
  let own: readonly Queue[] | undefined;
  return () => {
    queues.session().then(
      ({ client, redis }) => {
        own ??= [schedulesQueue, notificationsQueue].map((name) => {
          const queue = openQueue(name, { redis, installation });
          releases.push(() => queue.close());
          return queue;
        });
        show([...client.queues, ...own]);
      },
      // Ready is told again.
      () => undefined,
    );
  };
}
