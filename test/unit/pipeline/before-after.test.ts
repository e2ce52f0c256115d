import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { betweenPrograms } from '../../../src/pipeline/before-after.ts';
import { BackupDataError } from '../../../src/shared/errors.ts';
import { sampleDatabase } from '../../support/database.ts';
import { withFolder } from '../../support/folder.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import { until } from '../../support/until.ts';

const ran = { manifest: sampleManifest({ bytes: 1234 }) };

interface Case {
  /** Null stands for a program that is not there. */
  before?: string | null;
  after?: string;
  signal?: AbortSignal;
  run?: () => Promise<typeof ran>;
}

describe('the programs around a run', () => {
  it('run before and after it, and are told whose it is and how it went', async () => {
    const { result, said, phases } = await surround({ before: 'say before', after: 'say after' });
    assert.equal(result, ran);
    assert.deepEqual(said, [
      'before shop-id an-attempt shop',
      'after shop-id an-attempt shop committed 1234',
    ]);
    assert.deepEqual(phases, ['before', 'after']);
  });

  it('are told of a run that failed by its code, and the run fails as it did', async () => {
    const run = () => Promise.reject(new BackupDataError('DUMP_FAILED', 'no paper'));
    const { error, said } = await surround({ after: 'say after', run });
    assert.equal(error?.message, 'no paper');
    assert.deepEqual(said, ['after shop-id an-attempt shop failed DUMP_FAILED']);
  });

  it('end the run before it begins when the first of them fails, with its own words', async () => {
    const run = () => assert.fail('the run was begun');
    const { error, said } = await surround({ before: 'echo not today >&2; exit 7', after: 'say after', run });
    assert.equal(error?.code, 'BEFORE_FAILED');
    assert.equal(error?.retryable, true);
    assert.match(error?.message ?? '', /nothing of shop was dumped.*sh exited with code 7: not today/);
    assert.deepEqual(said, ['after shop-id an-attempt shop failed BEFORE_FAILED']);
  });

  it('change nothing about a run when the last of them fails, but it is heard of', async () => {
    const good = await surround({ after: 'echo cannot thaw >&2; exit 3' });
    assert.equal(good.result, ran);
    assert.match(good.warnings.join(), /AFTER_FAILED.*sh exited with code 3: cannot thaw/);
    const run = () => Promise.reject(new BackupDataError('DUMP_FAILED', 'no paper'));
    const bad = await surround({ after: 'exit 3', run });
    assert.equal(bad.error?.code, 'DUMP_FAILED');
    assert.equal(bad.warnings.length, 1);
  });

  it('may write as much as they like', async () => {
    const { result, warnings } = await surround({ before: 'seq 1 500000', after: 'seq 1 500000 >&2' });
    assert.equal(result, ran);
    assert.deepEqual(warnings, []);
  });

  it('are stopped with the run, and the last of them still runs', () =>
    withFolder(async (folder) => {
      const stop = new AbortController();
      const begun = join(folder, 'begun');
      const running = surround({
        before: `: > ${begun}; sleep 1000`,
        after: 'say after',
        signal: stop.signal,
        run: () => assert.fail('the run was begun'),
      });
      await until('the program begins', () =>
        readFile(begun).then(
          () => true,
          () => false,
        ),
      );
      stop.abort(new BackupDataError('CANCELLED', 'cancelled by a test'));
      const { error, said } = await running;
      assert.equal(error?.code, 'CANCELLED');
      assert.deepEqual(said, ['after shop-id an-attempt shop failed CANCELLED']);
    }));

  it('are over when they end, whatever they leave running, and that goes on', () =>
    withFolder(async (folder) => {
      const pid = join(folder, 'pid');
      const { result, said } = await surround({
        before: `sleep 1000 & echo $! > ${pid}`,
        after: `kill -0 $(cat ${pid}) && say after; kill $(cat ${pid})`,
      });
      assert.equal(result, ran);
      assert.deepEqual(said, ['after shop-id an-attempt shop committed 1234']);
    }));

  it('are quoted when they fail, whatever they leave running', () =>
    withFolder(async (folder) => {
      const pid = join(folder, 'pid');
      const { error, warnings } = await surround({
        before: `sleep 1000 & echo $! > ${pid}; seq 1 5000 >&2; echo no tunnel >&2; exit 3`,
        after: `kill $(cat ${pid})`,
      });
      assert.match(error?.message ?? '', /sh exited with code 3: 4999 \| 5000 \| no tunnel$/);
      assert.deepEqual(warnings, []);
    }));

  it('are stopped with all that they started', () =>
    withFolder(async (folder) => {
      const stop = new AbortController();
      const pid = join(folder, 'pid');
      const running = surround({
        before: `sh -c 'trap "" TERM; echo $$ > ${pid}; sleep 1000; :' & wait`,
        signal: stop.signal,
        run: () => assert.fail('the run was begun'),
      });
      const stubborn = () => readFile(pid, 'utf8').then(Number, () => 0);
      const commandOf = async () => readFile(`/proc/${await stubborn()}/cmdline`, 'utf8').catch(() => '');
      await until('the program begins', async () => (await stubborn()) > 0);
      assert.match(await commandOf(), /trap/);
      stop.abort(new BackupDataError('CANCELLED', 'cancelled by a test'));
      assert.equal((await running).error?.code, 'CANCELLED');
      assert.equal(await commandOf(), '');
    }));

  it('that are not there are told by their names', async () => {
    const { error } = await surround({ before: null });
    assert.equal(error?.code, 'BEFORE_FAILED');
    assert.match(error?.message ?? '', /the program no-such-program of the configuration is not there/);
  });

  it('see nothing of the worker but its search path, and step back with the run', async () => {
    process.env.CANARY_OF_WORKER = 'canary';
    process.env.LC_ALL = 'C.UTF-8';
    const { said } = await surround({ before: 'env | grep -cE "CANARY|^LC_|^LANG" >> "$0"; nice >> "$0"' });
    assert.deepEqual(said, ['0', '7']);
  });
});

/** Programs that write to a file what they were told; its lines. */
async function surround({ before, after, signal, run = async () => ran }: Case) {
  return withFolder(async (folder) => {
    const file = join(folder, 'said');
    await writeFile(file, '');
    const say =
      'say() { echo "$1 $BACKUPDATA_BACKUP_ID $BACKUPDATA_ATTEMPT_ID $BACKUPDATA_DATABASE $BACKUPDATA_OUTCOME $BACKUPDATA_ERROR_CODE $BACKUPDATA_BYTES" | sed "s/  */ /g; s/ *$//" >> "$file"; }; file=$0';
    const line = (script: string | null | undefined): readonly string[] | null => {
      if (script === null) return ['no-such-program'];
      return script === undefined ? null : ['sh', '-c', `${say}; ${script}`, file];
    };
    const phases: string[] = [];
    const warnings: string[] = [];
    const ended = await betweenPrograms(
      {
        database: sampleDatabase({ before: line(before), after: line(after), nice: 7 }),
        backupId: 'shop-id',
        attemptId: 'an-attempt',
        context: engineContext(signal && { signal }),
        onPhase: (phase) => phases.push(phase),
        onWarning: ({ code, message }) => warnings.push(`${code} ${message}`),
      },
      run,
    ).then(
      (result) => ({ result, error: undefined }),
      (error: BackupDataError) => ({ result: undefined, error }),
    );
    const said = (await readFile(file, 'utf8')).split('\n').filter((text) => text !== '');
    return { ...ended, said, phases, warnings };
  });
}
