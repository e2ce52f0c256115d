import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPassing, type Pace, retry, withoutRetry } from '../../../../src/pipeline/storage/retry.ts';
import { BackupDataError } from '../../../../src/shared/errors.ts';

const passing = () => new BackupDataError('STORAGE_UNAVAILABLE', 'it is away');
const { signal } = new AbortController();

/** Waiting takes no time but on its own clock, which `takes` moves on as work does. */
function createClock(random = 0): Pace & { pauses: number[]; takes(milliseconds: number): void } {
  let now = 0;
  const pauses: number[] = [];
  return {
    pauses,
    now: () => now,
    random: () => random,
    takes: (milliseconds) => {
      now += milliseconds;
    },
    wait: async (milliseconds, { aborted, reason }) => {
      if (aborted) throw reason;
      pauses.push(milliseconds);
      now += milliseconds;
    },
  };
}

function failing(times: number, error: () => Error) {
  let calls = 0;
  return {
    calls: () => calls,
    work: async () => {
      calls += 1;
      if (calls <= times) throw error();
      return 'done';
    },
  };
}

describe('a retry', () => {
  it('goes on until the work succeeds, with pauses that double up to two seconds', async () => {
    const pace = createClock();
    const { work } = failing(7, passing);
    assert.equal(await retry(work, { pace, patience: 10_000, signal }), 'done');
    assert.deepEqual(pace.pauses, [100, 200, 400, 800, 1600, 2000, 2000]);
  });

  it('takes up to half of a pause off at random', async () => {
    const pace = createClock(0.5);
    const { work } = failing(2, passing);
    await retry(work, { pace, patience: 10_000, signal });
    assert.deepEqual(pace.pauses, [75, 150]);
  });

  it('begins no try that patience does not reach, and throws the last error as it was', async () => {
    const pace = createClock();
    const errors: Error[] = [];
    const work = async () => {
      errors.push(passing());
      throw errors.at(-1);
    };
    await assert.rejects(retry(work, { pace, patience: 10_000, signal }), (error) => error === errors.at(-1));
    assert.equal(errors.length, 9);
    assert.ok(pace.now() <= 10_000);
  });

  it('makes one try of work that takes longer than patience', async () => {
    const pace = createClock();
    const { work, calls } = failing(5, passing);
    const slow = () => {
      pace.takes(10_000);
      return work();
    };
    await assert.rejects(retry(slow, { pace, patience: 10_000, signal }));
    assert.equal(calls(), 1);
  });

  it('passes at once what does not pass: wrong credentials, a full store, what is marked', async () => {
    const pace = createClock();
    for (const error of [
      new BackupDataError('STORAGE_AUTH', 'no'),
      new BackupDataError('STORAGE_FULL', 'no'),
      new BackupDataError('OBJECT_EXISTS', 'no'),
      withoutRetry(passing()),
      new Error('no'),
    ]) {
      const { work, calls } = failing(1, () => error);
      await assert.rejects(retry(work, { pace, patience: 10_000, signal }), (thrown) => thrown === error);
      assert.equal(calls(), 1);
    }
    assert.deepEqual(pace.pauses, []);
  });

  it('is not begun again by a retry around it that has more patience', async () => {
    const pace = createClock();
    const { work, calls } = failing(1_000, passing);
    const inner = () => retry(work, { pace, patience: 1_000, signal });
    await assert.rejects(retry(inner, { pace, patience: 100_000, signal }), (error) => !isPassing(error));
    assert.equal(calls(), 4);
  });

  it('ends with the reason of the signal, while it waits and after a try', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const { work, calls } = failing(1_000, passing);
    const pace: Pace = {
      ...createClock(),
      wait: async () => {
        controller.abort(reason);
        throw new DOMException('aborted', 'AbortError');
      },
    };
    const options = { pace, patience: 10_000, signal: controller.signal };
    await assert.rejects(retry(work, options), (error) => error === reason);
    await assert.rejects(retry(work, options), (error) => error === reason);
    assert.equal(calls(), 2);
  });
});
