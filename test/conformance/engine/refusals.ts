import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Source } from '../../../src/shared/config/schema.ts';
import { sourceOfUrl } from '../../../src/shared/config/source-schema.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { filesBelow } from '../../support/folder.ts';
import type { EngineProduct } from './subject.ts';

export function refusalTests({ name, withSubject }: EngineProduct): void {
  it('refuses what cannot be backed up whole, and says what to do', () =>
    withSubject((subject) =>
      withEngineRun(async ({ path, backUp }) => {
        assert.ok(subject.refusals.length > 0);
        for (const { what, source, code, message } of subject.refusals) {
          const refused = await backUp(await source()).then(
            () => assert.fail(`${what} was backed up`),
            (error: unknown) => error,
          );
          assert.ok(refused instanceof Error && 'code' in refused && 'hint' in refused, String(refused));
          assert.equal(refused.code, code, `${what}: ${refused.message}`);
          assert.match(refused.message, message, what);
          assert.equal(typeof refused.hint, 'string', `${what}: there is no hint`);
        }
        assert.deepEqual(await filesBelow(path), ['backupdata.json']);
      }),
    ));

  it('does not restore to another product', () =>
    withSubject((subject) =>
      withEngineRun(async ({ backUp, restoreTo }) => {
        const manifest = await backUp(await subject.createSource());
        const source = (
          name === 'postgres' ? sourceOfUrl('mysql://h/d') : sourceOfUrl('postgres://h/d')
        ) as Source;
        await assert.rejects(restoreTo(manifest, { source, database: undefined }), {
          code: 'USAGE',
          message: /the backup is of .* and the target is of/,
        });
      }),
    ));
}
