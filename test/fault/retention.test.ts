import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listEntries } from '../../src/pipeline/catalog/catalog.ts';
import { claimStorage } from '../../src/pipeline/catalog/installation.ts';
import { prunedKey } from '../../src/pipeline/catalog/keys.ts';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import { withClient } from '../../src/producer/client/open.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import { Secret } from '../../src/shared/secret.ts';
import { keysIn, storeBackup } from '../support/catalog-objects.ts';
import { withFleet } from '../support/fleet.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { makeTools } from '../support/misbehaving-tools.ts';
import { query } from '../support/postgres.ts';
import { contentOf } from '../support/postgres-sample.ts';
import { assertNothingBroken, daysAgo } from '../support/retiring.ts';
import { chooseSeed, createSeeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';

const signal = new AbortController().signal;
const failures = 20;

describe('a retention that keeps one backup', () => {
  it('keeps the good one through twenty that failed their verification, and it restores', () =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, start, run } = installation;
      const database = await postgres.createDatabase();
      const table =
        'CREATE TABLE item AS SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 20000) i';
      await query(postgres.url(database), table);
      const tools = join(path, 'tools');
      await makeTools(tools);
      const shop = { engine: 'postgres', url: postgres.url(database), retention: { last: 1 } };
      await configure({ databases: { shop }, tools: { path: [tools] } });
      const worker = await start(['worker']);
      await withFleet(installation, async ({ backup, outcome, storage }) => {
        const good = await backup('shop');
        await outcome(good);
        await until('it is verified', async () => (await listed(storage))[0]?.verifications.length === 1);

        // The whole dump but for its last third, and exit code 0: only reading it in full tells.
        const dump = 'dump=$(mktemp); trap \'rm -f "$dump"\' EXIT; "$REAL" "$@" > "$dump" || exit';
        await makeTools(tools, { pg_dump: `${dump}; head -c $(($(wc -c < "$dump") * 2 / 3)) "$dump"` });
        const bad: string[] = [];
        for (let count = 0; count < failures; count += 1) {
          bad.push(await backup('shop'));
          await outcome(bad.at(-1) ?? '');
        }
        await maintenanceIsDone(installation);

        const left = await listed(storage);
        assert.deepEqual(
          left.map(({ backupId, verifications }) => [backupId, verifications.map((each) => each.outcome)]),
          [
            [bad.at(-1), ['failed']],
            [good, ['ok']],
          ],
        );
        for (const backupId of bad.slice(0, -1))
          assert.ok((await keysIn(storage)).includes(prunedKey(backupId)), backupId);
        await assertNothingBroken(storage);
        const copy = postgres.uniqueName();
        const restored = await run('restore', good, '--to', `shop/${copy}`, '--create');
        assert.equal(restored.code, 0, restored.stderr);
        assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(postgres.url(database)));
      });
      assert.equal(await worker.stop(), 0);
    }));
});

describe('a worker that is killed while it prunes', () => {
  it('leaves no manifest without its objects, at whatever point; the next one ends what it began', (context) =>
    withInstallation(async (installation) => {
      const random = createSeeded(chooseSeed());
      context.diagnostic(`TEST_SEED=${random.seed}`);
      const shop = {
        engine: 'postgres',
        url: 'postgres://nobody@127.0.0.1:1/nothing',
        retention: { last: 3 },
      };
      await installation.configure({ databases: { shop } });
      const storage = await openStorage({
        name: 'main',
        config: { type: 'local', path: installation.backups },
      });
      const owner = installation.env.BACKUPDATA_INSTALLATION ?? '';
      await claimStorage({ storage, installation: owner, shared: false, signal });
      // Enough that much is left for the last worker, however late a kill comes.
      const ids = Array.from({ length: 250 }, (_, index) => daysAgo(index));
      for (const backupId of ids) await storeBackup(storage, { backupId });
      const pruning = installation.run('prune', 'shop', '--confirm');
      // In the first batch the marks, in the second one the marks and manifests of the first.
      for (const marks of [1 + random.below(50), 101 + random.below(15)]) {
        const worker = await installation.start(['worker']);
        await until(`${marks} are marked`, async () => (await marked(storage)) >= marks, 20_000);
        await worker.stop('SIGKILL');
        await assertNothingBroken(storage);
        assert.deepEqual(await newest(storage), ids.slice(0, 3));
      }
      const last = await installation.start(['worker']);
      const { code, stdout, stderr } = await pruning;
      assert.equal(code, 0, stderr);
      assert.match(stdout, /retired from main/);
      assert.equal(await last.stop(), 0);
      await assertNothingBroken(storage);
      assert.deepEqual(
        (await listed(storage)).map(({ backupId }) => backupId),
        ids.slice(0, 3),
      );
      assert.equal(await marked(storage), ids.length - 3);
    }));
});

function listed(storage: Storage) {
  return listEntries({ storage, database: 'shop', signal });
}

async function newest(storage: Storage): Promise<string[]> {
  return (await listed(storage)).slice(0, 3).map(({ backupId }) => backupId);
}

async function marked(storage: Storage): Promise<number> {
  return (await keysIn(storage)).filter((key) => key.endsWith('.pruned')).length;
}

/** Every verification and every prune that follows a commit has ended. */
async function maintenanceIsDone({ path, env }: Installation): Promise<void> {
  const config = await loadConfig({ file: undefined, env, cwd: path });
  await withClient({ config, redisUrl: new Secret(env.REDIS_URL ?? '') }, async ({ client }) => {
    const queue = client.queue('maintenance', 'default');
    const unfinished = ['active', 'waiting', 'delayed'] as const;
    await until(
      'every verification and prune has ended',
      async () => (await queue.getJobs([...unfinished])).length === 0,
      60_000,
    );
  });
}
