import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseConnection } from '../../../src/pipeline/engine/postgres/connection.ts';
import { connectionEnvironment } from '../../../src/pipeline/engine/postgres/environment.ts';
import { withSession } from '../../../src/pipeline/engine/postgres/session.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { withEngineRun } from '../../support/engine-run.ts';
import { realProgram } from '../../support/misbehaving-tools.ts';
import { query } from '../../support/postgres.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import {
  counting,
  createSelectionShop,
  type DumpOptions,
  type SelectionShop,
} from '../../support/selection-shop.ts';
import { runStage } from '../../support/stage.ts';

describe('a backup of a selection', () => {
  let shop: SelectionShop;

  before(async () => {
    shop = await createSelectionShop();
  });

  after(() => shop.server.stop());

  for (const { title, options, message } of [
    {
      title: 'an include that matches no table',
      options: { tables: { include: ['app.order', 'app.custmer'] } },
      message: /"app\.custmer" in tables\.include matches nothing/,
    },
    {
      title: 'an include in another case',
      options: { tables: { include: ['APP.order'] } },
      message: /"APP\.order" in tables\.include/,
    },
    {
      title: 'an include that matches no schema',
      options: { schemas: { include: ['ap'] } },
      message: /"ap" in schemas\.include/,
    },
    {
      title: 'a table in a schema that is left out',
      options: { schemas: { exclude: ['app'] }, tables: { include: ['app.order'] } },
      message: /"app\.order" in tables\.include/,
    },
    {
      title: 'a table that a foreign key of what is kept needs',
      options: { tables: { exclude: ['app.customer'] } },
      message:
        /could not be restored.*constraint order_customer_fkey on table app\."?order"? needs .*customer/,
    },
    {
      title: 'a table that a view needs',
      options: { tables: { exclude: ['public.plain'] } },
      message: /could not be restored.*view app\.plain_view needs .*plain/,
    },
    {
      title: 'a schema whose type a kept table has',
      options: { schemas: { exclude: ['kinds'] } },
      message: /could not be restored.*kinds\.state/,
    },
    {
      title: 'a schema whose function a kept operator class has',
      options: { schemas: { exclude: ['aid'] } },
      message: /could not be restored.*needs function aid\.compare/,
    },
    {
      title: 'the schema of an extension',
      options: { schemas: { exclude: ['ext'] } },
      message: /could not be restored.*extension pgcrypto needs schema ext/,
    },
    {
      title: 'the rows that rows which are kept refer to',
      options: { tables: { excludeData: ['app.customer'] } },
      message: /dumped without its rows: app\."?order"? needs app\.customer/,
    },
    {
      title: 'the rows of a materialized view that another one is made of, by way of a view',
      options: { tables: { excludeData: ['app.busy'] } },
      message: /dumped without its rows: app\.busiest needs app\.busy$/,
    },
    {
      title: 'the sequence of an identity column, which comes with its table',
      options: { tables: { exclude: ['app.order_id_seq'] } },
      message: /table app\."?order"? needs sequence app\.order_id_seq/,
    },
    {
      title: 'a sequence without the column that it belongs to',
      options: { tables: { include: ['app.audit_id_seq'] } },
      message: /sequence app\.audit_id_seq needs table app\.audit/,
    },
    {
      title: 'a partition without its table',
      options: { tables: { include: ['app.event_old'] } },
      message: /could not be restored.*app\.event_old needs .*app\.event/,
    },
    {
      title: 'an argument that would take rows away',
      options: { extraArguments: ['--no-comments', '--enable-row-security'] },
      message: /may not hold "--enable-row-security"/,
    },
    {
      title: 'an argument that would write elsewhere',
      options: { extraArguments: ['--file=/tmp/x'] },
      message: /may not hold "--file=/,
    },
    {
      title: 'a limit that pg_dump would not keep',
      options: { statementTimeout: 1_000 },
      message: /statementTimeout cannot be kept/,
    },
  ] satisfies readonly { title: string; options: DumpOptions; message: RegExp }[]) {
    it(`is refused for ${title}`, () =>
      withEngineRun(async (run) => {
        await assert.rejects(run.backUp(shop.sourceWith(options)), { code: 'CONFIG_INVALID', message });
      }));
  }

  for (const options of [
    { tables: { exclude: ['bücher'] } },
    { tables: { excludeData: ['bücher'] } },
    { schemas: { exclude: ['größe'] } },
  ] satisfies DumpOptions[]) {
    it(`is refused where pg_dump would take the name for another: ${JSON.stringify(options)}`, () =>
      withEngineRun(async (run) => {
        const own = shop.server.uniqueName();
        await query(
          shop.server.adminUrl,
          `CREATE DATABASE ${own} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`,
        );
        const url = shop.server.url(own);
        await query(url, 'CREATE TABLE "bücher" (); CREATE TABLE item (); CREATE SCHEMA "größe"');
        const source = { ...shop.sourceWith(options), url: new Secret(url) };
        await assert.rejects(run.backUp(source), { code: 'CONFIG_INVALID', message: /encoding is LATIN1/ });
        await run.backUp({
          ...source,
          ...shop.sourceWith({ tables: { exclude: ['item'] } }),
          url: new Secret(url),
        });
      }));
  }

  it('waits for a lock as long as it may, with and without counting', () =>
    withEngineRun(async (run) => {
      const own = await shop.server.createDatabase();
      await query(shop.server.url(own), 'CREATE TABLE item ()');
      const connection = parseConnection(new Secret(shop.server.url(own)));
      await withSession({ connection, context: engineContext(), otherwise: 'INTERNAL' }, async (holder) => {
        await holder.query('BEGIN');
        await holder.query('LOCK TABLE public.item');
        const source = { ...shop.sourceWith({ lockTimeout: 100 }), url: new Secret(shop.server.url(own)) };
        for (const counts of ['none', 'exact'] as const) {
          await assert.rejects(run.backUp(source, { verify: counting(counts) }), {
            code: 'TIMEOUT',
            message: /lock/,
          });
        }
      });
    }));

  it('could not have its statements limited: pg_dump does not keep to the limit of its connection', async () => {
    const connection = parseConnection(new Secret(`${shop.url}?options=-cstatement_timeout=1`));
    const env = connectionEnvironment(connection, engineContext());
    const dump = { program: await realProgram('pg_dump'), args: ['--format=custom'], env };
    const ends: { code: number | null; stderr: string }[] = [];
    // What it asks before it lifts the limit may take longer than that; if it kept to it, no try would end well.
    while (ends.length < 20 && ends.at(-1)?.code !== 0) ends.push(await runStage(dump, []));
    const { code, stderr } = ends.at(-1) ?? { code: null, stderr: '' };
    assert.equal(code, 0, stderr);
  });
});
