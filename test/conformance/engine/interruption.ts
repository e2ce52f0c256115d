import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withEngineRun } from '../../support/engine-run.ts';
import { filesBelow } from '../../support/folder.ts';
import type { EngineProduct } from './subject.ts';

export function interruptionTests({ withSubject }: EngineProduct): void {
  it('fails when the server is lost while it is dumped, and leaves nothing', () =>
    withSubject((subject) =>
      withEngineRun(async ({ path, backUp }) => {
        if (!subject.createInterruptible) return;
        const { source, started, kill, code } = await subject.createInterruptible();
        const run = assert.rejects(backUp(source), { code });
        await started();
        await kill();
        await run;
        assert.deepEqual(await filesBelow(path), ['backupdata.json']);
      }),
    ));
}
