import assert from 'node:assert/strict';
import { listBackups } from '../../src/pipeline/catalog/catalog.ts';
import { databaseFolder, pinKey, prunedKey } from '../../src/pipeline/catalog/keys.ts';
import { isPresent } from '../../src/pipeline/catalog/pruned.ts';
import type { PlanRequest } from '../../src/pipeline/retention/plan.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import type { RetentionConfig } from '../../src/shared/config/policy-schema.ts';
import { BackupDataError } from '../../src/shared/errors.ts';
import { compactTime } from '../../src/shared/ids.ts';
import type { Verification } from '../../src/shared/verification.ts';
import { withFolder } from './folder.ts';

const signal = new AbortController().signal;
const day = 86_400_000;

/** A policy of some rules. */
export function keep(rules: Partial<RetentionConfig>): RetentionConfig {
  return { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, ...rules };
}

/** A prune of `shop` in its own storage that keeps one backup; `changes` make the case. */
export function pruneRequest(storage: Storage, changes: Partial<PlanRequest> = {}): PlanRequest {
  return {
    database: { name: 'shop', timezone: 'UTC', retention: keep({ last: 1 }) },
    storage,
    home: undefined,
    allSources: false,
    named: async () => new Map(),
    clock: () => new Date(),
    signal,
    ...changes,
  };
}

/** The id of a backup of `shop` that was made so many days ago. */
export function daysAgo(days: number, database = 'shop'): string {
  return `${database}-${compactTime(new Date(Date.now() - days * day - 1_000))}-abc234`;
}

export function verified(
  outcome: Verification['outcome'],
  changes: Partial<Verification> = {},
): Verification {
  return { at: new Date('2026-01-04T00:00:00Z'), level: 'decode', outcome, seconds: 1, ...changes };
}

export async function storePin(storage: Storage, backupId: string): Promise<void> {
  await storage.put(pinKey(backupId), Buffer.from('{}\n'), { signal });
}

/** A local storage in a folder of its own. */
export function withStorage(use: (storage: Storage, path: string) => Promise<void>): Promise<void> {
  return withFolder(async (path) =>
    use(await openStorage({ name: 'main', config: { type: 'local', path } }), path),
  );
}

/**
 * The storage as a process sees it that dies at its `step`th request: that one and all that follow fail. A removal of
 * several objects is as many requests.
 */
export function diesAt(storage: Storage, step: number): Storage & { died(): boolean } {
  let done = 0;
  const next = (): void => {
    done += 1;
    if (done >= step) throw new BackupDataError('STORAGE_UNAVAILABLE', `died at request ${done}`);
  };
  return {
    ...storage,
    died: () => done >= step,
    put: async (...args) => {
      next();
      return storage.put(...args);
    },
    get: async (...args) => {
      next();
      return storage.get(...args);
    },
    stat: async (...args) => {
      next();
      return storage.stat(...args);
    },
    list: async function* (...args) {
      next();
      yield* storage.list(...args);
    },
    remove: async (keys, aborted) => {
      for (const key of keys) {
        next();
        await storage.remove([key], aborted);
      }
    },
    sweep: async (...args) => {
      next();
      return storage.sweep(...args);
    },
  };
}

/** Every listed backup has all of its objects; a backup without a manifest has a mark, or no objects. */
export async function assertNothingBroken(storage: Storage): Promise<void> {
  const listed = await listBackups({ storage, database: undefined, signal });
  for (const { manifest } of listed) {
    for (const { key } of manifest?.parts.flatMap(({ volumes }) => volumes) ?? [])
      await storage.stat(databaseFolder(manifest?.database ?? '') + key, signal);
  }
  const committed = new Set(listed.map(({ backupId }) => backupId));
  for await (const { key } of storage.list('', signal)) {
    const backupId = /\/data\/([^/]+)\//.exec(key)?.[1];
    if (backupId === undefined || committed.has(backupId)) continue;
    assert.ok(await isPresent(storage, prunedKey(backupId), signal), `${key} is an orphan`);
  }
}
