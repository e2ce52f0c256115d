import type { DatabaseConfig } from '../../shared/config/schema.ts';
import { timeOfBackup } from '../../shared/ids.ts';
import type { Manifest } from '../../shared/manifest.ts';
import type { Verification } from '../../shared/verification.ts';
import { type CatalogNames, type ListedBackup, listBackups, listNames } from '../catalog/catalog.ts';
import type { Storage } from '../storage/storage.ts';
import { decideRetention, type RetentionBackup, type RetentionDecision } from './decide.ts';

export interface PlanRequest {
  database: Pick<DatabaseConfig, 'name' | 'timezone' | 'retention'>;
  /** The database's own storage, or one that holds copies. */
  storage: Storage;
  /** The database's own storage, where `storage` holds copies: what is pinned or was found bad there is so here too. */
  home: Storage | undefined;
  allSources: boolean;
  /** The kind of job that names a backup, by the backup's id. */
  named: () => Promise<ReadonlyMap<string, string>>;
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
  /** What was found of it in the database's own storage, while it was never verified in this one. */
  verdict: Verification | undefined;
}

/** Decides of every backup of a database in one storage, newest first. Reads only. */
export async function planPrune(request: PlanRequest): Promise<PlannedBackup[]> {
  const { storage, database, allSources, clock, signal } = request;
  const place = { database: database.name, signal };
  // Names before manifests: a verdict that comes in between is then missed, and not held against an older manifest.
  const home = request.home ? await listNames({ storage: request.home, ...place }) : new Map<string, never>();
  const listed = await listBackups({ storage, ...place });
  const found = new Map(
    listed.map((backup) => [backup.backupId, examine(backup, home.get(backup.backupId))]),
  );
  const decisions = decideRetention({
    backups: [...found.values()].map(({ facts }) => facts),
    policy: database.retention,
    timeZone: database.timezone,
    now: clock(),
    named: await request.named(),
    allSources,
  });
  return decisions.flatMap((decision) => {
    const about = found.get(decision.backupId);
    return about ? { ...decision, ...about.more } : [];
  });
}

function examine(
  backup: ListedBackup,
  atHome: CatalogNames | undefined,
): { facts: RetentionBackup; more: Omit<PlannedBackup, keyof RetentionDecision> } {
  const { backupId, manifest, prunedAt } = backup;
  const own = newestOf(backup.verifications);
  // The bytes of a copy are its own; only what was found in them, and not that they were damaged there, is so here too.
  const verdict = own
    ? undefined
    : newestOf(atHome?.verifications.filter(({ level }) => level !== 'checksum') ?? []);
  const at = manifest ? new Date(manifest.snapshotAt) : instantOf(backupId);
  return {
    facts: {
      backupId,
      at,
      verification: (own ?? verdict)?.outcome === 'failed' ? 'failed' : 'good',
      pinned: backup.pinned || atHome?.pinned === true,
      source: manifest && sourceOf(manifest),
    },
    more: { at, bytes: manifest?.bytes ?? null, prunedAt, verdict },
  };
}

/** Of two in the same second, the one that failed. */
function newestOf(verifications: readonly Verification[]): Verification | undefined {
  return verifications.toSorted(
    (a, b) =>
      b.at.getTime() - a.at.getTime() || Number(b.outcome === 'failed') - Number(a.outcome === 'failed'),
  )[0];
}

function sourceOf({ source }: Manifest): string {
  return JSON.stringify([source.systemIdentifier, source.database]);
}

/** An id may name an instant that no calendar has; such a backup is the oldest. */
function instantOf(backupId: string): Date {
  const at = timeOfBackup(backupId);
  return Number.isNaN(at.getTime()) ? new Date(0) : at;
}
