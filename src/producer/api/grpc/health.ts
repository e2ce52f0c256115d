import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { serviceName } from './proto.ts';

/** Milliseconds. */
const interval = 1_000;

/**
 * The standard health service, of the server and of the service by its name: SERVING only while there are no problems. It takes no
 * token, for load balancers have none, and tells nothing else.
 */
export function addHealth(
  server: Server,
  problems: () => readonly string[],
): { /** From now on NOT_SERVING. */ stop(): void } {
  const health = new HealthImplementation();
  let serving: boolean | undefined;
  const set = (next: boolean): void => {
    if (serving === next) return;
    serving = next;
    for (const name of ['', serviceName]) health.setStatus(name, next ? 'SERVING' : 'NOT_SERVING');
  };
  const look = (): void => set(problems().length === 0);
  look();
  const timer = setInterval(look, interval).unref();
  health.addToServer(server);
  return {
    stop: () => {
      clearInterval(timer);
      set(false);
    },
  };
}
