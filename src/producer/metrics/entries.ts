import { unusualSize } from '../../pipeline/usual-size.ts';
import type { SizeAnomalyConfig } from '../../shared/config/policy-schema.ts';
import type { Config } from '../../shared/config/schema.ts';
import type { DatabaseFreshness, Freshness, NewestBackup } from '../freshness/freshness.ts';

/** What the catalog tells of one entry of the configuration. Sizes in bytes, times in seconds. */
export interface EntryState {
  database: string;
  /** Since 1970; 0 where a database has no backup. */
  lastSuccess: number;
  /** Null where there is no limit. */
  maxAge: number | null;
  stale: boolean;
  /** Null where there is no backup. */
  bytes: number | null;
  duration: number | null;
  /** Null where nobody asked. */
  sizeAnomaly: boolean | null;
  /** Since 1970; 0 where a database has no backup that was proven. */
  proven: number;
  verificationFailed: boolean;
}

/**
 * One state for each entry whose catalog was read. Of a server's databases the worst counts; their sizes are added up. What is of no
 * entry any more is left out, so that the configuration bounds the labels.
 */
export function entryStates({ databases }: Pick<Freshness, 'databases'>, config: Config): EntryState[] {
  const states = new Map<string, EntryState>();
  for (const each of databases()) {
    const entry = config.databases.get(each.entry) ?? config.servers.get(each.entry)?.template;
    if (!entry) continue;
    const state = stateOf(each, entry.sizeAnomaly);
    const known = states.get(each.entry);
    states.set(each.entry, known ? worseOf(known, state) : state);
  }
  return [...states.values()];
}

function stateOf(each: DatabaseFreshness, sizeAnomaly: SizeAnomalyConfig): EntryState {
  const { newest, maxAge, stale, proven, verificationFailed } = each;
  return {
    database: each.entry,
    lastSuccess: newest ? newest.snapshotAt.getTime() / 1_000 : 0,
    maxAge: maxAge === null ? null : maxAge / 1_000,
    stale,
    bytes: newest?.bytes ?? null,
    duration: newest ? newest.duration / 1_000 : null,
    sizeAnomaly: sizeAnomaly.action === 'off' ? null : isUnusual(newest, sizeAnomaly),
    proven: proven ? proven.at.getTime() / 1_000 : 0,
    verificationFailed,
  };
}

/** What a note of the backup says is what the gauge shows. */
function isUnusual(newest: NewestBackup | null, sizeAnomaly: SizeAnomalyConfig): boolean {
  return newest !== null && unusualSize(newest, sizeAnomaly) !== undefined;
}

function worseOf(a: EntryState, b: EntryState): EntryState {
  return {
    database: a.database,
    lastSuccess: Math.min(a.lastSuccess, b.lastSuccess),
    maxAge: ofBoth(a.maxAge, b.maxAge, Math.min),
    stale: a.stale || b.stale,
    bytes: ofBoth(a.bytes, b.bytes, (one, other) => one + other),
    duration: ofBoth(a.duration, b.duration, Math.max),
    sizeAnomaly: ofBoth(a.sizeAnomaly, b.sizeAnomaly, (one, other) => one || other),
    proven: Math.min(a.proven, b.proven),
    verificationFailed: a.verificationFailed || b.verificationFailed,
  };
}

function ofBoth<T>(a: T | null, b: T | null, join: (a: T, b: T) => T): T | null {
  if (a === null) return b;
  return b === null ? a : join(a, b);
}
