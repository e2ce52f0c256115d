import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import type { EngineProduct } from './subject.ts';

export function roundTripTests({ name, withSubject }: EngineProduct): void {
  it('restores everything that it backed up, into another place', () =>
    withSubject((subject) =>
      withEngineRun(async ({ backUp, restoreTo, verify }) => {
        const source = await subject.createSource();
        const before = await subject.describe(source);
        const manifest = await backUp(source);
        assert.equal(manifest.engine.name, name);
        assert.match(manifest.engine.serverVersion, /\d/);
        assert.ok(manifest.estimatedSourceBytes >= 0);
        await verify(manifest, 'decode');
        const { target, options, source: restored } = await subject.createTarget();
        await restoreTo(manifest, target, options);
        assert.deepEqual(await subject.describe(restored), before);
        assert.deepEqual(await subject.describe(source), before, 'the source is as it was');
      }),
    ));

  it('restores over what is there only when its name was typed', () =>
    withSubject((subject) =>
      withEngineRun(async ({ backUp, restoreTo }) => {
        const source = await subject.createSource();
        const expected = await subject.describe(source);
        const manifest = await backUp(source);
        const { target, options, source: restored, confirm } = await subject.createTarget();
        await restoreTo(manifest, target, options);
        const again = { ...options, create: false };
        for (const typed of [undefined, 'another'])
          await assert.rejects(restoreTo(manifest, target, { ...again, confirm: typed }), {
            code: 'TARGET_NOT_EMPTY',
          });
        assert.deepEqual(await subject.describe(restored), expected);
        await restoreTo(manifest, target, { ...again, confirm });
        assert.deepEqual(await subject.describe(restored), expected);
      }),
    ));
}
