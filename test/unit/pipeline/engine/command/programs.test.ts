import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SourceOf } from '../../../../../src/shared/config/schema.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { withEngineRun } from '../../../../support/engine-run.ts';

describe('the programs of the engine command', () => {
  it('have dumped it once all that they started has closed its output', () =>
    withEngineRun(async ({ backUp, verify }) => {
      const dump = '(sleep 0.5; echo late) & echo early';
      await verify(
        await backUp(source({ dump, check: 'test "$(cat)" = "$(echo early; echo late)"' })),
        'decode',
      );
    }));

  it('are told the name of the database', () =>
    withEngineRun(async ({ backUp, verify }) => {
      const dump = 'echo "$BACKUPDATA_DATABASE"';
      const check = 'test "$(cat) shop" = "shop $BACKUPDATA_DATABASE"';
      await verify(await backUp(source({ dump, check })), 'decode');
    }));

  it('speak English, unless the environment of the configuration has another locale', () =>
    withEngineRun(async ({ backUp }) => {
      const dump = 'echo "$LC_ALL" >&2; exit 3';
      await assert.rejects(backUp(source({ dump })), { message: /sh exited with code 3: C$/ });
      const environment = { LC_ALL: new Secret('C.UTF-8') };
      await assert.rejects(
        backUp({ ...source({ dump: 'test "$LC_ALL" = C.UTF-8 && exit 4' }), environment }),
        {
          message: /sh exited with code 4$/,
        },
      );
    }));
});

function source({ dump, check = 'cat' }: { dump: string; check?: string }): SourceOf<'command'> {
  const sh = (script: string) => ['sh', '-c', script];
  return { engine: 'command', dump: sh(dump), check: sh(check), extension: 'bin', environment: {} };
}
