import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { until } from '../../support/until.ts';
import type { EngineProduct } from './subject.ts';

const backups = 3;

export function snapshotTests({ withSubject }: EngineProduct): void {
  it('backs up one moment, whatever is written meanwhile', () =>
    withSubject(async (subject) => {
      const { writers } = subject;
      // A product without transactions has no sum to keep; what it promises instead is in its own tests.
      if (!writers) return;
      await withEngineRun(async ({ backUp, restoreTo }) => {
        const source = await subject.createSource();
        await writers.prepare(source);
        const expected = await writers.sum(source);
        const writing = await writers.start(source);
        const manifests = [];
        try {
          for (let made = 0; made < backups; made += 1) {
            const seen = writing.transactions();
            await until('something was written', () => writing.transactions() > seen);
            manifests.push(await backUp(source));
            assert.ok(writing.transactions() > seen + 1, 'nothing was written while the dump ran');
          }
        } finally {
          await writing.stop();
        }
        for (const manifest of manifests) {
          const { target, options, source: restored } = await subject.createTarget();
          await restoreTo(manifest, target, options);
          assert.equal(await writers.sum(restored), expected);
        }
      });
    }));
}
