import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { commit } from '../../../../src/pipeline/catalog/commit.ts';
import { manifestKey } from '../../../../src/pipeline/catalog/keys.ts';
import { openStorage } from '../../../../src/pipeline/storage/open.ts';
import type { Storage } from '../../../../src/pipeline/storage/storage.ts';
import { BackupDataError } from '../../../../src/shared/errors.ts';
import { encodeManifest, type Manifest } from '../../../../src/shared/manifest.ts';
import { withFolder } from '../../../support/folder.ts';
import { sampleManifest } from '../../../support/manifest.ts';

const signal = new AbortController().signal;
const wait = async (): Promise<void> => undefined;

function withStorage(use: (storage: Storage) => Promise<void>): Promise<void> {
  return withFolder(async (path) =>
    use(await openStorage({ name: 'main', config: { type: 'local', path } })),
  );
}

function ofAttempt(attemptId: string): Manifest {
  const { backupId, parts } = sampleManifest();
  const moved = parts.map((part) => ({
    ...part,
    volumes: part.volumes.map((each) => ({ ...each, key: `data/${backupId}/${attemptId}/data.dump.zst` })),
  }));
  return sampleManifest({ attemptId, parts: moved });
}

describe('the commit', () => {
  it('of twelve attempts at once has one winner, and every attempt learns which', () =>
    withStorage(async (storage) => {
      const attempts = 'abcdefghijkl'.split('').map((letter) => ofAttempt(`a${letter.repeat(8)}`));
      const winners = await Promise.all(
        attempts.map((manifest) => commit({ storage, manifest, signal, wait })),
      );
      assert.equal(new Set(winners.map((winner) => winner.attemptId)).size, 1);
      const stored = await buffer(await storage.get(manifestKey(sampleManifest().backupId), { signal }));
      assert.deepEqual(stored, encodeManifest(winners[0] ?? sampleManifest()));
    }));

  it('whose answer is lost after the store did it is a success', () =>
    withStorage(async (storage) => {
      const deaf: Storage = {
        ...storage,
        put: async (...args) => {
          await storage.put(...args);
          throw new BackupDataError('STORAGE_UNAVAILABLE', 'the connection was reset');
        },
      };
      const manifest = ofAttempt('aaaaaaaaa');
      assert.deepEqual(await commit({ storage: deaf, manifest, signal, wait }), manifest);
    }));

  it('that the store refused is a failure, and leaves nothing', () =>
    withStorage(async (storage) => {
      const broken: Storage = {
        ...storage,
        put: () => Promise.reject(new BackupDataError('STORAGE_FULL', 'no space')),
      };
      await assert.rejects(commit({ storage: broken, manifest: ofAttempt('aaaaaaaaa'), signal, wait }), {
        code: 'STORAGE_FULL',
      });
    }));

  it('on a store without a fence waits for rivals to show before it reads back', () =>
    withStorage(async (storage) => {
      const rival = ofAttempt('abbbbbbbb');
      const unfenced: Storage = {
        ...storage,
        fence: 'best-effort',
        put: (key, body, options) => storage.put(key, body, { signal: options.signal }),
      };
      // The rival's write lands while we wait, and replaces ours: such a store lets the last one win.
      const settle = async (): Promise<void> => {
        await storage.put(manifestKey(rival.backupId), Readable.from([encodeManifest(rival)]), { signal });
      };
      assert.equal(
        (await commit({ storage: unfenced, manifest: ofAttempt('aaaaaaaaa'), signal, wait: settle }))
          .attemptId,
        rival.attemptId,
      );
    }));
});
