import { isDeepStrictEqual } from 'node:util';
import { Secret } from '../secret.ts';
import type { Config } from './schema.ts';

/** What a configuration that was loaded anew has changed. */
export interface ConfigChanges {
  /** Names of databases and of servers. */
  added: readonly string[];
  changed: readonly string[];
  removed: readonly string[];
  /** Other parts of it, such as `storages`. */
  also: readonly string[];
}

/** Undefined where the two mean the same. */
export function changesBetween(before: Config, after: Config): ConfigChanges | undefined {
  const [old, now] = [sourcesOf(before), sourcesOf(after)];
  const names = [...now.keys()];
  const changes = {
    added: names.filter((name) => !old.has(name)),
    changed: names.filter((name) => old.has(name) && !isSame(old.get(name), now.get(name))),
    removed: [...old.keys()].filter((name) => !now.has(name)),
    also: partsOf(after).filter((part) => !isSame(before[part], after[part])),
  };
  return Object.values(changes).some((list) => list.length > 0) ? changes : undefined;
}

/** How the locks of jobs are kept is one for a queue and its jobs, from their start to their end. */
const fixedOfQueue = ['lockDuration', 'stalledInterval', 'maxStalledCount'] as const;

/**
 * `next`, with what a process has from its start to its end as `first` has it; `kept` names what of that `next` would have
 * otherwise.
 */
export function keepFixed(first: Config, next: Config): { config: Config; kept: readonly string[] } {
  const { installation, grpc } = first;
  const { lockDuration, stalledInterval, maxStalledCount } = first.queue;
  const kept = [
    ...(next.installation === installation ? [] : ['installation']),
    ...(isSame(next.grpc, grpc) ? [] : ['grpc']),
    ...fixedOfQueue.filter((key) => next.queue[key] !== first.queue[key]).map((key) => `queue.${key}`),
  ];
  const queue = { ...next.queue, lockDuration, stalledInterval, maxStalledCount };
  return { config: { ...next, installation, grpc, queue }, kept };
}

function sourcesOf({ databases, servers }: Config): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([...databases, ...servers]);
}

/** Where it came from is no part of it; its secrets are those of its parts. */
function partsOf(config: Config): (keyof Config)[] {
  const { databases, servers, origin, secrets, ...parts } = config;
  return Object.keys(parts) as (keyof typeof parts)[];
}

function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

/** Two secrets look the same to everyone who does not reveal them. */
function plain(value: unknown): unknown {
  if (value instanceof Secret) return { secret: value.reveal() };
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, plain(each)]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}
