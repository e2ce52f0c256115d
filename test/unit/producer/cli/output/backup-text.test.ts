import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backupText } from '../../../../../src/producer/cli/output/backup-text.ts';
import type { Manifest } from '../../../../../src/shared/manifest.ts';
import { sampleManifest } from '../../../../support/manifest.ts';

describe('what `show` says of a source', () => {
  const lines = (changes: Partial<Manifest>): string[] =>
    backupText({
      manifest: sampleManifest(changes),
      storage: 'main',
      copies: [],
      pinned: false,
      verifications: [],
      now: new Date('2026-01-02T04:00:00Z'),
      width: 200,
    }).split('\n');
  const { restore, source, engine } = sampleManifest();

  it('is its database, its owner and what a restore needs', () => {
    const text = lines({});
    assert.ok(text.includes('source    postgres 15.18, database shop, owner shop'), text.join('\n'));
    assert.ok(text.includes('restore   needs tools 15 or newer; UTF8, C'), text.join('\n'));
  });

  it('leaves out what the product does not have, and says when it is less than everything', () => {
    const nothing = { encoding: '', collate: '', ctype: '', owner: '', minToolVersion: '' };
    const text = lines({
      engine: { ...engine, name: 'command', serverVersion: 'unknown' },
      source: { ...source, extent: 'selection' },
      restore: { ...restore, ...nothing },
      estimatedSourceBytes: 0,
    });
    assert.ok(text.includes('source    command unknown, database shop, a selection'), text.join('\n'));
    assert.ok(text.includes('size      3 B stored'), text.join('\n'));
    assert.ok(!text.some((line) => line.startsWith('restore')), text.join('\n'));
  });
});
