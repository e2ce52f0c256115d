import assert from 'node:assert/strict';
import { type ListedBackup, listBackups } from '../../src/pipeline/catalog/catalog.ts';
import { databaseFolder, manifestKey, parseCatalogKey } from '../../src/pipeline/catalog/keys.ts';
import { codecFromManifest } from '../../src/pipeline/codec/codecs.ts';
import { engineFor } from '../../src/pipeline/engine/engines.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { sweep } from '../../src/pipeline/sweep.ts';
import { verify } from '../../src/pipeline/verify.ts';
import type { Manifest } from '../../src/shared/manifest.ts';
import type { Installation } from './installation.ts';
import { lingeringProcesses } from './leaks.ts';
import { engineContext } from './postgres-backup.ts';

export interface Expected {
  /** The runs that ended well; each must have its backup, and no other run may. */
  committed: readonly string[];
  /** What attempts left that could not clean up after themselves: a sweep must find it all. Otherwise nothing may be there. */
  leftovers: 'none' | 'for the sweep';
}

/**
 * What must hold after every fault, once every worker was stopped: no process of ours is alive; exactly the expected
 * runs are listed; every manifest and every byte that it names is proven by decoding; and the storage holds nothing
 * else, after a sweep at the latest.
 */
export async function assertInvariants(
  installation: Installation,
  expected: Expected,
  place?: StoredPlace,
): Promise<void> {
  await assertNoProcess(installation);
  const { storage, stored } = place ?? (await localPlace(installation));
  const swept = await sweepAll(storage, await stored());
  if (expected.leftovers === 'none')
    assert.equal(swept, 0, 'an attempt left objects or unfinished files behind');
  const listed = await listBackups({ storage, database: undefined, signal });
  assert.deepEqual(listed.map((each) => each.backupId).sort(), [...expected.committed].sort());
  const manifests = listed.map(manifestOf);
  for (const manifest of manifests) await prove(storage, manifest);
  assertNothingElse(await stored(), manifests);
}

/** Where an installation stores, when that is not its local folder. */
export interface StoredPlace {
  storage: Storage;
  /** Everything in it, unfinished uploads too, sorted. */
  stored(): Promise<string[]>;
}

async function localPlace({ backups, stored }: Installation): Promise<StoredPlace> {
  return { storage: await openStorage({ name: 'main', config: { type: 'local', path: backups } }), stored };
}

const signal = new AbortController().signal;

/** No worker, and no tool: these have their worker's folder as theirs, so they are found even if it is gone. */
export async function assertNoProcess({ path, env }: Installation): Promise<void> {
  const mark = { variable: `BACKUPDATA_INSTALLATION=${env.BACKUPDATA_INSTALLATION}`, directory: path };
  assert.deepEqual(
    (await lingeringProcesses(mark, 3_000)) ?? [],
    [],
    'processes of the installation are alive',
  );
}

async function sweepAll(storage: Storage, stored: readonly string[]): Promise<number> {
  const databases = new Set(
    stored.filter((key) => key.includes('/')).map((key) => key.slice(0, key.indexOf('/'))),
  );
  const olderThan = new Date(Date.now() + 1_000);
  let swept = 0;
  for (const database of databases)
    swept += await sweep({ storage, database, olderThan, live: new Set(), signal });
  return swept;
}

function manifestOf({ manifest, problem }: ListedBackup): Manifest {
  if (manifest) return manifest;
  throw problem;
}

async function prove(storage: Storage, manifest: Manifest): Promise<void> {
  const { tools } = engineContext();
  await verify({
    manifest,
    level: 'decode',
    storage,
    engine: await engineFor(manifest.engine.name),
    codecs: await Promise.all(
      manifest.codecs.map((each) =>
        codecFromManifest({ ...each, backupId: manifest.backupId, identities: [], tools }),
      ),
    ),
    context: engineContext(),
    clock: () => new Date(),
    onBytes: () => undefined,
  });
}

function assertNothingElse(stored: readonly string[], manifests: readonly Manifest[]): void {
  const needed = manifests.flatMap((manifest) => [
    manifestKey(manifest.backupId),
    ...manifest.parts
      .flatMap((part) => part.volumes)
      .map(({ key }) => databaseFolder(manifest.database) + key),
  ]);
  const objects = stored.filter(
    (key) => key !== 'backupdata.json' && parseCatalogKey(key)?.kind !== 'verification',
  );
  assert.deepEqual(objects, needed.sort());
}
