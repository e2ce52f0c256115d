import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { timeOfBackup } from '../../shared/ids.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { decisiveOf, type Verification } from '../../shared/verification.ts';
import { type CatalogNames, type ListedBackup, listBackups, listNames } from '../catalog/catalog.ts';
import type { Storage } from '../storage/storage.ts';
import {
  decideRetention,
  type NamedBackups,
  type RetentionBackup,
  type RetentionDecision,
} from './decide.ts';

export interface PlanRequest {
  database: Pick<DatabaseConfig, 'name' | 'timezone' | 'retention'>;
  /** The database's own storage, or one that holds copies. */
  storage: Storage;
  /** The database's own storage, where `storage` holds copies: what is pinned or was found bad there is so here too. */
  home: Storage | undefined;
  allSources: boolean;
  /** Asked more than once: jobs come and go. */
  named: () => Promise<NamedBackups>;
  clock: () => Date;
  signal: AbortSignal;
}

/** What is to become of one backup, and what a person wants to know of it. */
export interface PlannedBackup extends RetentionDecision {
  at: Date;
  /** Stored bytes; null where the manifest cannot be read. */
  bytes: number | null;
  /** Set when a prune began to retire it and did not end. */
  prunedAt: Date | undefined;
  /** What was found of it in the database's own storage, where that decides and not what was found in this one. */
  verdict: Verification | undefined;
}

/** Decides of every backup of a database in one storage, newest first. Reads only. */
export async function planPrune(request: PlanRequest): Promise<PlannedBackup[]> {
  const { storage, database, allSources, clock, signal } = request;
  const place = { database: database.name, signal };
  // Before and after what is listed: a job that ends meanwhile may have failed a backup that is listed as unverified,
  // and one that comes meanwhile may be that of a backup which is.
  const before = await request.named();
  const home = request.home ? await listNames({ storage: request.home, ...place }) : new Map<string, never>();
  const listed = await listBackups({ storage, ...place });
  const named = union(before, await request.named());
  const found = new Map(
    listed.map((backup) => {
      const about = { atHome: home.get(backup.backupId), jobs: named.get(backup.backupId) };
      return [backup.backupId, examine(backup, about)];
    }),
  );
  const decisions = decideRetention({
    backups: [...found.values()].map(({ facts }) => facts),
    policy: database.retention,
    timeZone: database.timezone,
    now: clock(),
    named,
    allSources,
  });
  return decisions.flatMap((decision) => {
    const about = found.get(decision.backupId);
    return about ? { ...decision, ...about.more } : [];
  });
}

function examine(
  backup: ListedBackup,
  { atHome, jobs }: { atHome: CatalogNames | undefined; jobs: ReadonlySet<string> | undefined },
): { facts: RetentionBackup; more: Omit<PlannedBackup, keyof RetentionDecision> } {
  const { backupId, manifest, prunedAt } = backup;
  const own = backup.verifications;
  // The bytes of a copy are its own; only what was found in them, and not that they were damaged there, is so here too.
  const foundAtHome = decisiveOf(atHome?.verifications.filter(({ level }) => level !== 'checksum') ?? []);
  // A proof at home says nothing of a copy that was verified itself; a failure there stands until the copy refutes it.
  const heard = own.length === 0 || foundAtHome?.outcome === 'failed' ? foundAtHome : undefined;
  const decisive = decisiveOf(heard ? [...own, heard] : own);
  const at = manifest ? new Date(manifest.snapshotAt) : instantOf(backupId);
  return {
    facts: {
      backupId,
      at,
      verification: stateOf(decisive, jobs),
      pinned: backup.pinned || atHome?.pinned === true,
      source: manifest && sourceOf(manifest),
    },
    more: { at, bytes: manifest?.bytes ?? null, prunedAt, verdict: decisive === heard ? heard : undefined },
  };
}

/** Every run is verified once it is committed; until then it must not stand for an older one that is known to be good. */
function stateOf(
  decisive: Verification | undefined,
  jobs: ReadonlySet<string> | undefined,
): RetentionBackup['verification'] {
  if (decisive) return decisive.outcome === 'failed' ? 'failed' : 'good';
  return jobs?.has('backup') || jobs?.has('verify') ? 'pending' : 'good';
}

function union(one: NamedBackups, other: NamedBackups): NamedBackups {
  const ids = [...one.keys(), ...other.keys()];
  return new Map(ids.map((id) => [id, new Set([...(one.get(id) ?? []), ...(other.get(id) ?? [])])]));
}

function sourceOf({ source }: Manifest): string {
  return JSON.stringify([source.systemIdentifier, source.database, source.extent ?? 'whole']);
}

/** An id may name an instant that no calendar has; such a backup is the oldest. */
function instantOf(backupId: string): Date {
  const at = timeOfBackup(backupId);
  return Number.isNaN(at.getTime()) ? new Date(0) : at;
}
