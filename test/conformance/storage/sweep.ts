import assert from 'node:assert/strict';
import { until } from '../../support/until.ts';
import { bodyOf, check, heldBody, keysOf, type StorageImplementation } from './subject.ts';

const large = 17 * 1024 * 1024;
const hour = 3_600_000;

export function sweepTests(implementation: StorageImplementation): void {
  check(
    implementation,
    'sweeps old unfinished uploads below the prefix and nothing else',
    async (subject) => {
      const { storage, signal, random, unfinished } = subject;
      await storage.put('shop/data/whole', bodyOf(Buffer.from('whole')), { signal });
      const keys = ['shop/data/a', 'crm/data/a'];
      const held = keys.map(() => heldBody(random.bytes(large)));
      const puts = held.map(({ body }, index) => storage.put(keys[index] ?? '', body, { signal }));
      const refused = puts.map((put) => assert.rejects(put));
      await until('both puts are under way', async () => (await unfinished()).length === 2);

      assert.equal(await storage.sweep('', new Date(Date.now() - hour), signal), 0, 'young ones are kept');
      assert.equal(
        await storage.sweep('other/', new Date(Date.now() + hour), signal),
        0,
        'other prefixes are kept',
      );
      assert.equal((await unfinished()).length, 2);
      assert.equal(await storage.sweep('shop/', new Date(Date.now() + hour), signal), 1);
      assert.equal((await unfinished()).length, 1);
      assert.equal(await storage.sweep('', new Date(Date.now() + hour), signal), 1);
      assert.equal(await storage.sweep('', new Date(Date.now() + hour), signal), 0);
      assert.deepEqual(await unfinished(), []);

      for (const { release } of held) release();
      await Promise.all(refused);
      assert.deepEqual(
        await keysOf(storage, '', signal),
        ['shop/data/whole'],
        'a swept upload must not become an object',
      );
    },
  );

  check(
    implementation,
    'leaves no unfinished upload of puts that were aborted at any time, once swept',
    async ({ storage, signal, random, unfinished }) => {
      const content = random.bytes(large);
      for (let round = 0; round < 8; round += 1) {
        const controller = new AbortController();
        const reason = new Error('the run was cancelled');
        const stopAt = random.below(large);
        let given = 0;
        const body = bodyOf(content).on('data', (chunk: Buffer) => {
          given += chunk.length;
          if (given > stopAt) controller.abort(reason);
        });
        body.pause();
        const put = storage.put(`shop/data/${round}`, body, { signal: controller.signal });
        await assert.rejects(put, (error) => error === reason);
      }
      await storage.sweep('', new Date(Date.now() + hour), signal);
      assert.deepEqual(await unfinished(), []);
      assert.deepEqual(await keysOf(storage, '', signal), []);
    },
  );

  check(implementation, 'sweeps nothing of an empty storage', async ({ storage, signal }) => {
    assert.equal(await storage.sweep('', new Date(Date.now() + hour), signal), 0);
    assert.equal(await storage.sweep('shop/data/', new Date(Date.now() + hour), signal), 0);
  });
}
