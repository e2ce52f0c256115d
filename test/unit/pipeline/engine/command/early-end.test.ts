import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DatabasePolicy, SourceOf } from '../../../../../src/shared/config/schema.ts';
import { withEngineRun } from '../../../../support/engine-run.ts';

/** Larger than all that lies in the pipes, and hardly smaller when it is compressed. */
const bytes = 8_000_000;

const kinds: DatabasePolicy['compression'][] = [{ type: 'none' }, { type: 'zstd', level: 1 }];

describe('a program of the configuration that exits 0 before it has read the whole dump', () => {
  for (const compression of kinds) {
    it(`has not restored it (${compression.type})`, () =>
      withEngineRun(async ({ backUp, restoreTo }) => {
        const source = { ...reading(bytes / 2), restore: ['head', `--bytes=${bytes / 2}`] };
        const manifest = await backUp(source, { compression });
        const target = { source, database: 'there' };
        await assert.rejects(restoreTo(manifest, target, { confirm: 'there' }), {
          code: 'RESTORE_FAILED',
          message: /head ended with code 0 before it had read all of its input; "there" may hold a part/,
        });
        const whole = { ...source, restore: ['head', `--bytes=${bytes}`] };
        await restoreTo(manifest, { ...target, source: whole }, { confirm: 'there' });
      }));

    it(`has not proven it (${compression.type})`, () =>
      withEngineRun(async ({ backUp, verify }) => {
        await assert.rejects(verify(await backUp(reading(bytes / 2), { compression }), 'decode'), {
          code: 'VERIFY_FAILED',
          message: /head ended with code 0 before it had read all of its input/,
        });
        await verify(await backUp(reading(bytes), { compression }), 'decode');
      }));
  }
});

/** A source whose check reads so many bytes of its dump, and says that it is good. */
function reading(count: number): SourceOf<'command'> {
  return {
    engine: 'command',
    dump: ['head', `--bytes=${bytes}`, '/dev/urandom'],
    check: ['head', `--bytes=${count}`],
    extension: 'bin',
    environment: {},
  };
}
