import { findManifest } from '../../pipeline/catalog/catalog.ts';
import { readMarks } from '../../pipeline/catalog/marks.ts';
import type { Resources } from '../../pipeline/resources.ts';
import type { Config } from '../../shared/config/schema.ts';
import { findDatabase } from '../../shared/config/servers.ts';
import { BackupDataError, type ErrorDocument, toErrorDocument } from '../../shared/errors.ts';
import { badgeOf } from '../../shared/verification.ts';
import type { CopyDocument } from './documents.ts';
import type { LocatedBackup } from './locate.ts';

/** What is known of the job of a copy that its storage does not have. */
export type CopyJob = Pick<CopyDocument, 'error' | 'progress'> & { state: 'waiting' | 'copying' | 'failed' };

/**
 * Every other storage that has the backup, or should: the one that its database is configured for, and its copies. A
 * storage of none of these that cannot be read is given as `unasked`.
 */
export async function copiesOf(options: {
  resources: Resources;
  config: Config;
  located: LocatedBackup;
  /** The jobs of the storages that lack the copy, as far as they are known. */
  jobsOf: (storages: readonly string[]) => Promise<ReadonlyMap<string, CopyJob>>;
  signal: AbortSignal;
}): Promise<{ copies: CopyDocument[]; unasked: ErrorDocument[] }> {
  const { resources, config, located, jobsOf } = options;
  const expected = expectedIn(config, located);
  const others = new Set([...expected, ...resources.storageNames]);
  others.delete(located.storage.name);
  const looks = await Promise.all([...others].map((name) => lookInto(options, name)));
  const missing = looks.filter(({ storage, state }) => state === 'missing' && expected.has(storage));
  const jobs = missing.length > 0 ? await jobsOf(missing.map(({ storage }) => storage)) : new Map();
  const shown = looks.filter(({ storage, state }) => expected.has(storage) || isThere(state));
  const rest = looks.filter((each) => !shown.includes(each));
  return {
    copies: shown.map((each) => (each.state === 'missing' ? { ...each, ...jobs.get(each.storage) } : each)),
    unasked: rest.flatMap(({ error }) => error ?? []),
  };
}

function isThere(state: CopyDocument['state']): boolean {
  return state === 'copied' || state === 'failed';
}

/** In the order of the configuration. */
function expectedIn(config: Config, { manifest }: LocatedBackup): ReadonlySet<string> {
  const database = findDatabase(config, manifest.database);
  return new Set(database ? [database.storage, ...database.copies.map(({ storage }) => storage)] : []);
}

async function lookInto(
  { resources, located, signal }: { resources: Resources; located: LocatedBackup; signal: AbortSignal },
  name: string,
): Promise<CopyDocument> {
  const { backupId, attemptId } = located.manifest;
  try {
    const storage = await resources.storage(name);
    const found = await findManifest({ storage, backupId, signal });
    if (!found) return { storage: name, state: 'missing', verification: null };
    if (found.attemptId !== attemptId) return failed(name, another(name, backupId));
    const { verifications } = await readMarks({ storage, backupId, signal });
    return { storage: name, state: 'copied', verification: badgeOf(verifications) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupDataError)) throw error;
    if (['MANIFEST_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code)) return failed(name, error);
    return { storage: name, state: 'unknown', verification: null, error: toErrorDocument(error) };
  }
}

function failed(storage: string, error: BackupDataError): CopyDocument {
  return { storage, state: 'failed', verification: null, error: toErrorDocument(error) };
}

function another(storage: string, backupId: string): BackupDataError {
  return new BackupDataError(
    'OBJECT_EXISTS',
    `storage ${storage} holds another backup by the id ${backupId}`,
    {
      hint: `Compare them: \`backupdata show ${backupId} --storage ${storage}\`.`,
    },
  );
}
