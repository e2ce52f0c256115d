import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { followConfig } from '../../../../src/producer/cli/reload.ts';
import { createConfigFiles } from '../../../../src/shared/config/files.ts';
import type { Config } from '../../../../src/shared/config/schema.ts';
import { withFolder } from '../../../support/folder.ts';
import { createMemoryLogger } from '../../../support/memory-logger.ts';
import { until } from '../../../support/until.ts';
import { createWaits, type Waits } from '../../../support/waits.ts';
import { withDatabase } from '../../shared/config/load-text.ts';

interface Bench extends Waits {
  write(text: string): Promise<void>;
  hangUp(): void;
  /** What was taken, in turn. */
  taken: Config[];
  /** Every secret that was learned. */
  learned: string[];
  /** Each attempt, and whether it went well. */
  attempts: boolean[];
  lines: string[];
  /** Makes the next take fail. */
  breakNext(): void;
}

async function withFollowing(
  use: (bench: Bench) => Promise<void>,
  { text, env = {} }: { text?: string; env?: Record<string, string> } = { text: withDatabase() },
): Promise<void> {
  await withFolder(async (path) => {
    const write = (changed: string): Promise<void> => writeFile(join(path, 'backupdata.yaml'), changed);
    if (text !== undefined) await write(text);
    const files = createConfigFiles({ file: undefined, env, cwd: path });
    const first = await files.load();
    const [logger, waits, over] = [createMemoryLogger(), createWaits(), new AbortController()];
    const [taken, learned, attempts]: [Config[], string[], boolean[]] = [[], [], []];
    let [hangUp, broken] = [(): void => undefined, false];
    const following = followConfig({
      ...{ files, first, logger, wait: waits.wait, signal: over.signal },
      hangUps: {
        listen: (listener) => {
          hangUp = listener;
        },
        release: () => assert.fail('a service hears hang-ups'),
      },
      learn: (secrets) => void learned.push(...secrets),
      take: async (config) => {
        if (broken) throw new Error('no connection for it');
        taken.push(config);
      },
      onReload: (ok) => void attempts.push(ok),
    });
    const breakNext = (): void => {
      broken = true;
    };
    const { lines } = logger;
    await use({ ...waits, write, hangUp: () => hangUp(), taken, learned, attempts, lines, breakNext });
    over.abort();
    await following;
  });
}

const attempted = ({ attempts }: Bench, count: number): Promise<void> =>
  until(`it was tried ${count} times`, () => attempts.length >= count);

describe('a configuration that is followed', () => {
  it('is taken when its file has changed, and its secrets are known before', () =>
    withFollowing(async (bench) => {
      const { write, pass, taken, learned, attempts, lines } = bench;
      await write(withDatabase('', 'postgres://u:new-password@h/d'));
      await pass(5_000);
      await pass(1_000);
      await attempted(bench, 1);
      assert.deepEqual(
        taken.map(({ databases }) => [...databases.keys()]),
        [['shop']],
      );
      assert.ok(learned.includes('new-password'));
      assert.deepEqual(attempts, [true]);
      assert.deepEqual(lines, ['info the configuration was loaded anew']);
    }));

  it('is taken at SIGHUP at once', () =>
    withFollowing(async (bench) => {
      await bench.write(withDatabase('    pool: eu\n'));
      bench.hangUp();
      await attempted(bench, 1);
      assert.equal(bench.taken[0]?.databases.get('shop')?.pool, 'eu');
    }));

  it('stays what it was while the file is not valid, and is taken once it is', () =>
    withFollowing(async (bench) => {
      const { write, hangUp, pass, taken, attempts, lines } = bench;
      await write('storages: {}\nnonsense: 1\n');
      hangUp();
      await attempted(bench, 1);
      assert.deepEqual([taken, attempts], [[], [false]]);
      assert.deepEqual(lines, [
        'error the configuration could not be loaded anew; the one before stays in use',
      ]);
      await write(withDatabase('    pool: eu\n'));
      await pass(5_000);
      await pass(1_000);
      await attempted(bench, 2);
      assert.equal(taken[0]?.databases.get('shop')?.pool, 'eu');
      assert.deepEqual(attempts, [false, true]);
    }));

  it('is not taken again where it means the same', () =>
    withFollowing(async (bench) => {
      bench.hangUp();
      await attempted(bench, 1);
      assert.deepEqual([bench.taken, bench.attempts], [[], [true]]);
      assert.deepEqual(bench.lines, ['info the configuration was loaded anew, and is as it was']);
    }));

  it('is loaded once more for a SIGHUP that came while it was loaded', () =>
    withFollowing(async (bench) => {
      bench.hangUp();
      await attempted(bench, 1);
      bench.hangUp();
      bench.hangUp();
      await attempted(bench, 2);
      await bench.write(withDatabase('    pool: eu\n'));
      await bench.pass(5_000);
      await bench.pass(1_000);
      await attempted(bench, 3);
      assert.equal(bench.taken.length, 1);
    }));

  it('is tried again after it could not be put to use', () =>
    withFollowing(async (bench) => {
      bench.breakNext();
      await bench.write(withDatabase('    pool: eu\n'));
      bench.hangUp();
      await attempted(bench, 1);
      assert.deepEqual(bench.attempts, [false]);
      bench.hangUp();
      await attempted(bench, 2);
      assert.deepEqual(bench.attempts, [false, false], 'it is not taken for what holds');
    }));

  it('warns of what only another start changes', () =>
    withFollowing(async (bench) => {
      await bench.write(`installation: other\n${withDatabase()}`);
      bench.hangUp();
      await attempted(bench, 1);
      assert.deepEqual(bench.taken, []);
      assert.match(bench.lines[0] ?? '', /^warn .* only when this process is started anew$/);
    }));

  it('says of the environment alone that it cannot change', () =>
    withFollowing(
      async (bench) => {
        bench.hangUp();
        await attempted(bench, 1);
        assert.deepEqual(bench.lines, [
          'info the configuration comes from the environment, which stays as it is until this process is started anew',
        ]);
      },
      { env: { DATABASE_URL: 'postgres://u@h/d' } },
    ));
});
