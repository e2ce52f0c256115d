import assert from 'node:assert/strict';
import { it } from 'node:test';
import { backUpShop, createDriller, recorded } from '../../support/drill.ts';
import { runInProcess } from '../../support/in-process.ts';
import { withInstallation } from '../../support/installation.ts';
import { query } from '../../support/postgres.ts';
import { createSample } from '../../support/postgres-sample.ts';

it('a drill restores everything into a database of its own, proves it, and leaves nothing but the record', () =>
  withInstallation(async (installation) => {
    const { postgres, configure } = installation;
    const source = await createSample(postgres);
    // Nobody but a superuser sees a row of it, not even its owner, who in a drill is the driller.
    await query(
      source.url,
      `CREATE TABLE public.hidden AS SELECT generate_series(1, 100) AS id;
       ALTER TABLE public.hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
       CREATE POLICY nobody ON public.hidden USING (false);
       ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor`,
    );
    const driller = await createDriller(postgres);
    await configure({
      databases: {
        shop: {
          engine: 'postgres',
          url: source.url,
          verify: {
            target: 'lab',
            counts: 'exact',
            assertions: [
              'SELECT count(*) = 200 FROM customers;',
              'SELECT max(order_id) = 500\nFROM lines -- by the search path of the database',
            ],
          },
        },
        lab: { engine: 'postgres', url: driller.url },
      },
    });
    const backupId = await backUpShop(installation);
    await query(source.url, "DELETE FROM sales.lines; INSERT INTO customers (name) VALUES ('later')");

    const verified = await runInProcess(installation, 'verify', 'shop', '--level', 'restore', '--here');
    assert.equal(verified.code, 0, verified.stderr);
    assert.match(verified.stdout, new RegExp(`^${backupId}  restore ok  \\d+s\n$`));
    const [mark, ...others] = await recorded(installation, 'restore');
    assert.deepEqual(others, []);
    assert.match(mark?.key ?? '', new RegExp(`${backupId}\\.verified-\\w+-restore-ok-\\d+s$`));
    assert.deepEqual(
      { ...mark?.drill, restore: 0 },
      { restore: 0, serverVersion: mark?.drill?.serverVersion, tables: 7, assertions: 2 },
    );
    assert.ok((mark?.drill?.restore ?? 0) > 0);
    assert.match(mark?.drill?.serverVersion ?? '', /^\d+/);
    const listed = await runInProcess(installation, 'list', '--json');
    const [backup] = listed.json<{ backups: { verification: string }[] }>().backups;
    assert.match(backup?.verification ?? '', /^restored in \d+s$/);
    assert.deepEqual(await driller.scratch(), []);
  }));
