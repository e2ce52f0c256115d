import { compactTime, databaseOf, isAttemptId, isBackupId, parseCompactTime } from '../../shared/ids.ts';
import { type Verification, type VerifyLevel, verifyLevels } from '../../shared/verification.ts';

/** Names of the stored format, version 1; docs/format.md is their specification. */
export const installationKey = 'backupdata.json';

/** Everything of one database; keys in a manifest are relative to it. */
export function databaseFolder(database: string): string {
  return `${database}/`;
}

/** What the folders of all databases of a server begin with. */
export function serverPrefix(server: string): string {
  return `${server}.`;
}

export function catalogPrefix(database: string): string {
  return `${databaseFolder(database)}catalog/`;
}

export function dataPrefix(database: string): string {
  return `${databaseFolder(database)}data/`;
}

export function manifestKey(backupId: string): string {
  return `${catalogPrefix(databaseOf(backupId))}${backupId}.json`;
}

/** A legal hold on the backup. */
export function pinKey(backupId: string): string {
  return `${catalogPrefix(databaseOf(backupId))}${backupId}.pin`;
}

/** That the backup was retired, and when: its bytes go after the grace. */
export function prunedKey(backupId: string): string {
  return `${catalogPrefix(databaseOf(backupId))}${backupId}.pruned`;
}

/** Relative to the database's folder. */
export function attemptFolder({ backupId, attemptId }: { backupId: string; attemptId: string }): string {
  return `data/${backupId}/${attemptId}/`;
}

/** `<backupId>.verified-<time>-<level>-<ok|failed>-<seconds>s`: a listing alone tells the outcome. */
export function verificationKey(backupId: string, verification: Verification): string {
  const { at, level, outcome, seconds } = verification;
  return `${catalogPrefix(databaseOf(backupId))}${backupId}.verified-${compactTime(at)}-${level}-${outcome}-${seconds}s`;
}

/** Of what attempt an object is, from its key alone; undefined for what is no attempt's, or in another database's folder. */
export function parseDataKey(key: string): { backupId: string; attemptId: string } | undefined {
  const [, data, backupId = '', attemptId = '', ...names] = key.split('/');
  // What somebody else put there is not ours to judge, nor to remove.
  if (data !== 'data' || !isBackupId(backupId) || !isAttemptId(attemptId) || names.length !== 1)
    return undefined;
  return key.startsWith(dataPrefix(databaseOf(backupId))) ? { backupId, attemptId } : undefined;
}

export type ParsedCatalogKey =
  | { backupId: string; kind: 'manifest' }
  | { backupId: string; kind: 'pin' }
  | { backupId: string; kind: 'pruned' }
  | { backupId: string; kind: 'verification'; verification: Verification };

/** What an object in a catalog folder is, from its key alone; undefined for a name of no known kind, or in another database's folder. */
export function parseCatalogKey(key: string): ParsedCatalogKey | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const match =
    /^(.+-\d{8}T\d{6}Z-[a-z2-7]{6})\.(json|pin|pruned|verified-(\d{8}T\d{6}Z)-([a-z]+)-(ok|failed)-(\d+)s)$/.exec(
      name,
    );
  const [, backupId, kind, at, level, outcome, seconds] = match ?? [];
  if (backupId === undefined || !isBackupId(backupId)) return undefined;
  if (key !== `${catalogPrefix(databaseOf(backupId))}${name}`) return undefined;
  if (kind === 'json') return { backupId, kind: 'manifest' };
  if (kind === 'pin' || kind === 'pruned') return { backupId, kind };
  if (at === undefined || !isLevel(level)) return undefined;
  return {
    backupId,
    kind: 'verification',
    verification: {
      at: parseCompactTime(at),
      level,
      outcome: outcome === 'ok' ? 'ok' : 'failed',
      seconds: Number(seconds),
    },
  };
}

function isLevel(text: string | undefined): text is VerifyLevel {
  return verifyLevels.some((level) => level === text);
}
