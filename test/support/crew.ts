import assert from 'node:assert/strict';
import type { Installation, Running } from './installation.ts';
import { openRedisLink, type RedisLink } from './redis-link.ts';

/** A worker process with a link to Redis of its own. */
export interface Member {
  worker: Running;
  link: RedisLink;
  readyAt: number;
}

/** The workers of an installation, coming and going. */
export interface Crew {
  /** Those alive. */
  members(): readonly Member[];
  hire(args?: readonly string[]): Promise<Member>;
  /** SIGKILL, sent before this returns; the process is gone when the promise resolves. */
  kill(member: Member): Promise<unknown>;
  /** Ends all that are alive with SIGTERM; each must exit with 0. */
  dismiss(): Promise<void>;
}

/** Links are closed afterwards; the processes end with the installation. */
export async function withCrew(
  installation: Installation,
  use: (crew: Crew) => Promise<void>,
): Promise<void> {
  const links: RedisLink[] = [];
  const alive = new Set<Member>();
  const hire = async (args: readonly string[] = []): Promise<Member> => {
    const link = await openRedisLink(installation.env.REDIS_URL ?? '');
    links.push(link);
    const worker = await installation.start(['worker', ...args], { env: { REDIS_URL: link.url } });
    const member = { worker, link, readyAt: Date.now() };
    alive.add(member);
    return member;
  };
  const dismiss = async (): Promise<void> => {
    const codes = await Promise.all([...alive].map(({ worker }) => worker.stop()));
    assert.deepEqual(
      codes,
      [...alive].map(() => 0),
    );
    alive.clear();
  };
  const kill = (member: Member): Promise<unknown> => {
    alive.delete(member);
    return member.worker.stop('SIGKILL');
  };
  try {
    await use({ members: () => [...alive], hire, kill, dismiss });
  } finally {
    await Promise.all(links.map((link) => link.close()));
  }
}
