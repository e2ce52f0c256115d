import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { restoreInstructions } from '../../../src/pipeline/instructions.ts';
import { sampleManifest } from '../../support/manifest.ts';

const hostile = 'x`\n\n```sh\nevil\n```\n';

it('no name or setting of the source adds a block of commands to RESTORE.md', () => {
  const sample = sampleManifest();
  const plain = commandBlocks(instructionsOf(sample));
  const manifest = sampleManifest({
    source: { ...sample.source, database: hostile },
    restore: { ...sample.restore, owner: hostile, settings: [`application_name=${hostile}`] },
  });
  const blocks = commandBlocks(instructionsOf(manifest));
  // One more: that of the setting.
  assert.equal(blocks.length, plain.length + 1);
  assert.ok(!blocks.some((block) => block.startsWith('evil')));
});

function instructionsOf(manifest: ReturnType<typeof sampleManifest>): string {
  return restoreInstructions({ manifest, engine: createPostgresEngine(), codecs: [] });
}

/** As Markdown reads it: a block ends with a fence that is no shorter than its own. */
function commandBlocks(text: string): string[] {
  const blocks: string[] = [];
  let fence: string | undefined;
  for (const line of text.split('\n')) {
    const [, mark, rest] = /^(`{3,})(.*)$/.exec(line) ?? [];
    if (fence === undefined && mark !== undefined && rest === 'sh') {
      fence = mark;
      blocks.push('');
    } else if (fence !== undefined && mark !== undefined && rest === '' && mark.length >= fence.length) {
      fence = undefined;
    } else if (fence !== undefined) {
      blocks.push(`${blocks.pop()}${line}\n`);
    }
  }
  return blocks;
}
