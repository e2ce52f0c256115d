import type { Manifest } from '../../src/shared/manifest.ts';

/** A manifest as a small backup has it; `changes` make the case. */
export function sampleManifest(changes: Partial<Manifest> = {}): Manifest {
  const backupId = changes.backupId ?? 'shop-20260102T030405Z-abc234';
  const attemptId = changes.attemptId ?? 'aabcdefgh';
  return {
    version: 1,
    backupId,
    attemptId,
    attempt: 1,
    database: 'shop',
    labels: {},
    trigger: { kind: 'manual' },
    snapshotAt: '2026-01-02T03:04:06.000Z',
    startedAt: '2026-01-02T03:04:05.000Z',
    finishedAt: '2026-01-02T03:04:15.000Z',
    strategy: 'full',
    parent: null,
    engine: { name: 'postgres', serverVersion: '15.18', toolVersion: '15.18', format: 'pg_dump custom' },
    source: { systemIdentifier: '7000000000000000000', database: 'shop' },
    restore: {
      minToolVersion: '15',
      encoding: 'UTF8',
      collate: 'C',
      ctype: 'C',
      owner: 'shop',
      settings: [],
      roles: ['shop'],
    },
    codecs: [{ name: 'zstd', params: { level: 1 } }],
    parts: [
      {
        name: 'data.dump',
        kind: 'data',
        volumes: [{ key: `data/${backupId}/${attemptId}/data.dump.zst`, bytes: 3, sha256: 'a'.repeat(64) }],
      },
    ],
    bytes: 3,
    estimatedSourceBytes: 10_000,
    notes: [],
    ...changes,
  };
}
