import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startAzurite } from '../support/azurite.ts';
import { type Installation, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';
import { contentOf, createSample } from '../support/postgres-sample.ts';

describe('a PostgreSQL database through the queue into Azure Blob Storage, and back', () => {
  it('is backed up in blocks, verified and restored, equal in every table', () =>
    withAzureInstallation(async (installation) => {
      const { postgres, run, start } = installation;
      const sample = await createSample(postgres);
      await query(
        sample.url,
        'CREATE TABLE noise AS SELECT i, gen_random_bytes(1024) AS bytes FROM generate_series(1, 20000) i',
      );
      await installation.use(sample.url);
      await start(['worker']);
      assert.equal((await run('check')).code, 0);
      const made = await run('backup', 'shop');
      assert.equal(made.code, 0, made.stderr);
      const proven = await run('verify', 'shop', '--level', 'decode');
      assert.equal(proven.code, 0, proven.stderr);
      const copy = postgres.uniqueName();
      const restored = await run('restore', 'shop', '--to', `shop/${copy}`, '--create');
      assert.equal(restored.code, 0, restored.stderr);
      assert.deepEqual(await contentOf(postgres.url(copy)), await contentOf(sample.url));
    }));
});

/** Its only storage is a container of its own; `use` configures the database `shop` there. */
async function withAzureInstallation(
  work: (installation: Installation & { use(url: string): Promise<void> }) => Promise<void>,
): Promise<void> {
  const azurite = await startAzurite();
  try {
    const container = (await azurite.createContainer()).containerName;
    const { account, accountKey, endpoint } = azurite;
    const offsite = { type: 'azure', container, prefix: 'prod', account, accountKey, endpoint };
    await withInstallation((installation) => {
      const use = (url: string): Promise<void> =>
        installation.configure({
          storages: { offsite },
          databases: { shop: { engine: 'postgres', url } },
        });
      return work({ ...installation, use });
    });
  } finally {
    await azurite.stop();
  }
}
