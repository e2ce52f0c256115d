import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quickQueue, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';

/** An index that takes four seconds, while no byte moves. */
const slowIndex = `
  CREATE FUNCTION slow(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN PERFORM pg_catalog.pg_sleep(0.004); RETURN i; END $$;
  CREATE TABLE item AS SELECT generate_series(1, 1000) AS id;
  CREATE INDEX item_slow ON item (public.slow(id))`;

describe('a restore by a worker', () => {
  it('is not taken for hung while the server builds indexes', () =>
    withInstallation(async ({ postgres, configure, run, start }) => {
      const database = await postgres.createDatabase();
      await query(postgres.url(database), slowIndex);
      await configure({
        databases: { shop: { engine: 'postgres', url: postgres.url(database), verify: { target: 'shop' } } },
        queue: quickQueue,
        timeouts: { noBytes: '1s' },
      });
      await start(['worker']);
      const made = await run('backup', 'shop');
      assert.equal(made.code, 0, made.stderr);
      const copy = postgres.uniqueName();
      const restored = await run('restore', 'shop', '--to', `shop/${copy}`, '--create');
      assert.equal(restored.code, 0, restored.stderr);
      const drilled = await run('verify', 'shop', '--level', 'restore');
      assert.equal(drilled.code, 0, drilled.stderr);
    }));
});
