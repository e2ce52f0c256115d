import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseConnection } from '../../../src/pipeline/engine/postgres/connection.ts';
import { listCountedTables } from '../../../src/pipeline/engine/postgres/row-counts.ts';
import { withSession } from '../../../src/pipeline/engine/postgres/session.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { type EngineRun, withEngineRun } from '../../support/engine-run.ts';
import { query } from '../../support/postgres.ts';
import { databaseConfig, engineContext } from '../../support/postgres-backup.ts';
import {
  counting,
  createSelectionShop,
  type DumpOptions,
  type SelectionShop,
} from '../../support/selection-shop.ts';

interface Leaving {
  title: string;
  options: DumpOptions;
  /** Tables that do not come back, and those that come back without rows. */
  left: readonly string[];
  empty?: readonly string[];
  note?: string;
}

describe('a backup of a selection', () => {
  let shop: SelectionShop;

  before(async () => {
    shop = await createSelectionShop();
  });

  after(() => shop.server.stop());

  /** Backed up, proven, restored with --create; the rows of each table that came back. */
  async function comeBack(
    options: DumpOptions,
    run: EngineRun,
  ): Promise<{ rows: Record<string, number>; manifest: Manifest; url: string }> {
    const manifest = await run.backUp(shop.sourceWith(options), { verify: counting('exact') });
    await run.verify(manifest, 'decode');
    const name = shop.server.uniqueName();
    await run.restoreTo(
      manifest,
      { source: databaseConfig(shop.server.adminUrl), database: name },
      { create: true },
    );
    return { rows: await rowsOf(shop.server.url(name)), manifest, url: shop.server.url(name) };
  }

  const all = {
    ...{ 'app.audit': 2, 'app.event_old': 1, 'app.event_new': 2, 'app.order': 3, 'app.customer': 2 },
    ...{
      'Odd.Schema.a.b': 1,
      'Odd.Schema.star*name': 1,
      'Odd.Schema.star1name': 1,
      'Odd.Schema.say "hi"|x': 1,
    },
    ...{ 'scratch.note': 4, 'public.plain': 1 },
  };

  const leaving: readonly Leaving[] = [
    {
      title: 'an excluded table, and nothing whose name is only like it',
      options: { tables: { exclude: ['app.audit', 'app.AUDIT2'] } },
      left: ['app.audit'],
      note: 'a selection: tables, views and sequences that are not in this backup: app.audit, app.audit_id_seq',
    },
    {
      title: 'a partitioned table with all its partitions',
      options: { tables: { exclude: ['app.event'] } },
      left: ['app.event_old', 'app.event_new'],
    },
    { title: 'one partition', options: { tables: { exclude: ['*.event_old'] } }, left: ['app.event_old'] },
    {
      title: 'names with dots, stars, quotes and upper case, by patterns',
      options: { tables: { exclude: ['Odd?Schema.star*name', 'Odd?Schema.a.b', '*.say "hi"|x'] } },
      left: ['Odd.Schema.a.b', 'Odd.Schema.star*name', 'Odd.Schema.star1name', 'Odd.Schema.say "hi"|x'],
    },
    {
      title: 'a schema',
      options: { schemas: { exclude: ['scratch', 'Odd.*'] } },
      left: ['scratch.note', ...Object.keys(all).filter((name) => name.startsWith('Odd'))],
      note: 'a selection: schemas that are not in this backup, with all they hold: Odd.Schema, scratch',
    },
    {
      title: 'the rows of a table and of the partitions of one',
      options: { tables: { excludeData: ['audit', 'app.event'] } },
      left: [],
      empty: ['app.audit', 'app.event_old', 'app.event_new'],
      note: 'a selection: without their rows: app.audit, app.event, app.event_new, app.event_old',
    },
    {
      title: 'a table, and the rows of one that it alone refers to',
      options: { tables: { exclude: ['app.order'], excludeData: ['app.customer'] } },
      left: ['app.order'],
      empty: ['app.customer'],
    },
    {
      title: 'the rows of materialized views, one of which is made of the other',
      options: { tables: { excludeData: ['app.bus*'] } },
      left: [],
      note: 'a selection: without their rows: app.busiest, app.busy',
    },
    {
      title: 'all but one schema',
      options: { schemas: { include: ['app', 'kind?', 'public', 'ext'] } },
      left: Object.keys(all).filter((name) => !/^(app|public)/.test(name)),
    },
    {
      title: 'all but what is included, whose types, functions, sequences and partitions are there',
      options: { tables: { include: ['app.order', 'customer', 'app.event'] } },
      left: Object.keys(all).filter((name) => !/^app\.(order|customer|event)/.test(name)),
    },
    {
      title: 'all rows',
      options: { schemaOnly: true },
      left: [],
      empty: Object.keys(all),
      note: 'schema only: no rows, no values of sequences and no large objects are in this backup',
    },
  ];
  for (const { title, options, left, empty, note } of leaving) {
    it(`leaves out ${title}, and restores into a new database`, () =>
      withEngineRun(async (run) => {
        const { rows, manifest } = await comeBack(options, run);
        const expected = Object.entries(all)
          .filter(([name]) => !left.includes(name))
          .map(([name, count]) => [name, empty?.includes(name) ? 0 : count]);
        assert.deepEqual(rows, Object.fromEntries(expected));
        if (note) assert.ok(manifest.notes.includes(note), manifest.notes.join('\n'));
      }));
  }

  it('says which patterns of an exclude matched nothing, and is made', () =>
    withEngineRun(async (run) => {
      const { notes } = await run.backUp(shop.sourceWith({ tables: { exclude: ['app.adit'] } }));
      assert.deepEqual(
        notes.filter((note) => note.includes('pattern')),
        ['a pattern that leaves something out matched nothing: app.adit'],
      );
    }));

  it('passes on the arguments that it may', () =>
    withEngineRun(async (run) => {
      const { manifest, url } = await comeBack({ extraArguments: ['--no-comments'] }, run);
      assert.ok(manifest.notes.includes('dumped with --no-comments'));
      const [row] = await query(url, `SELECT obj_description('app.order'::regclass) AS comment`);
      assert.deepEqual(row, { comment: null });
    }));
});

async function rowsOf(url: string): Promise<Record<string, number>> {
  const context = engineContext();
  const connection = parseConnection(new Secret(url));
  return withSession({ connection, context, otherwise: 'INTERNAL' }, async (session) => {
    const rows: Record<string, number> = {};
    for (const { schema, name } of await listCountedTables(session)) {
      const quoted = [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
      const [row] = await session.query<{ rows: string }>(`SELECT count(*) AS rows FROM ONLY ${quoted}`);
      rows[`${schema}.${name}`] = Number(row?.rows);
    }
    return rows;
  });
}
