import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertComplaint, type Complaint } from '../support/complaint.ts';
import { runInProcess } from '../support/in-process.ts';
import { type Installation, quickQueue, type Running, withInstallation } from '../support/installation.ts';
import { createGate, makeTools } from '../support/misbehaving-tools.ts';
import { connect, query } from '../support/postgres.ts';
import { contentOf } from '../support/postgres-sample.ts';
import { until } from '../support/until.ts';
import { linesOf } from '../support/worker-log.ts';

const queue = { ...quickQueue, attempts: 1 };
/** By a worker, and in the process of the command. */
const ways: Record<string, string[]> = { 'by a worker': [], here: ['--here'] };

describe('nothing restores over data unless its name was typed', () => {
  it('refuses, changes nothing, and restores over it once the name is right', (context) =>
    withInstallation(async (installation) => {
      const { postgres, run } = installation;
      const { source, backupId } = await shopWithBackup(installation);
      const target = await postgres.createDatabase();
      await query(
        postgres.url(target),
        "CREATE TABLE item (id int PRIMARY KEY, text text); INSERT INTO item VALUES (1, 'mine'); CREATE TABLE kept AS SELECT 7 AS seven",
      );
      const refusals: Record<string, [string[], Complaint]> = {
        'onto the source': [
          ['--to', 'shop'],
          {
            code: 'TARGET_NOT_EMPTY',
            message: /is the very database that .* was made of/,
            hint: new RegExp(`--confirm ${source}`),
          },
        ],
        'onto the source, by its name on the server': [
          ['--to', `shop/${source}`],
          { code: 'TARGET_NOT_EMPTY', message: /is the very database/ },
        ],
        'onto a database that is not empty': [
          ['--to', `shop/${target}`],
          {
            code: 'TARGET_NOT_EMPTY',
            message: /is not empty: it holds 2 tables/,
            hint: new RegExp(`--confirm ${target}`),
          },
        ],
        "with the source's name typed for the target's": [
          ['--to', `shop/${target}`, '--confirm', source],
          {
            code: 'TARGET_NOT_EMPTY',
            message: new RegExp(`"${source}" was typed as confirmation, and the target is "${target}"`),
          },
        ],
        "with the configured name typed for the server's": [
          ['--to', 'shop', '--confirm', 'shop'],
          { code: 'TARGET_NOT_EMPTY', message: /"shop" was typed as confirmation/ },
        ],
        'with an empty name typed': [
          ['--to', `shop/${target}`, '--confirm', ''],
          { code: 'TARGET_NOT_EMPTY', message: /"" was typed as confirmation/ },
        ],
        'of one table that is there': [
          ['--to', `shop/${target}`, '--table', 'public.item'],
          { code: 'TARGET_NOT_EMPTY', message: /public\.item/ },
        ],
        'with --create onto a database that exists': [
          ['--to', `shop/${target}`, '--create'],
          { code: 'TARGET_EXISTS', message: new RegExp(`the database "${target}" exists already`) },
        ],
        'with --create and a confirmation onto a database that exists': [
          ['--to', `shop/${target}`, '--create', '--confirm', target],
          { code: 'TARGET_EXISTS', message: /exists already/ },
        ],
        'of a table that the backup does not have': [
          ['--to', `shop/${target}`, '--table', 'public.itme'],
          { code: 'TABLE_NOT_FOUND', message: /public\.itme/ },
        ],
      };
      const before = [await contentOf(postgres.url(source)), await contentOf(postgres.url(target))];
      for (const [what, [args, complaint]] of Object.entries(refusals)) {
        for (const [how, here] of Object.entries(ways)) {
          await context.test(`${what}, ${how}`, async () => {
            const refused = await runInProcess(installation, 'restore', backupId, ...args, ...here);
            assertComplaint(refused, complaint);
            assert.deepEqual(
              [await contentOf(postgres.url(source)), await contentOf(postgres.url(target))],
              before,
            );
          });
        }
      }
      for (const [how, here] of Object.entries(ways)) {
        await context.test(`over a database whose name was typed, ${how}`, async () => {
          await query(postgres.url(target), "TRUNCATE item CASCADE; INSERT INTO item VALUES (1, 'mine')");
          const restored = await run(
            'restore',
            backupId,
            '--to',
            `shop/${target}`,
            '--confirm',
            target,
            ...here,
          );
          assert.equal(restored.code, 0, restored.stderr);
          assert.match(
            restored.stderr,
            /note: objects of the target that the backup does not have were left/,
          );
          const { 'public.kept': kept, ...rest } = await contentOf(postgres.url(target));
          assert.match(kept ?? '', /^1 /);
          assert.deepEqual(rest, before[0]);
        });
      }
    }));
});

describe('a restore that fails in the middle leaves its target as it was', () => {
  it('whatever it fails of', (context) =>
    withInstallation(async (installation) => {
      const { path, postgres, run } = installation;
      const tools = join(path, 'tools');
      const { backupId } = await shopWithBackup(installation, await makeTools(tools));
      const target = await targetWithView(installation);
      for (const [how, here] of Object.entries(ways)) {
        await context.test(`something else depends on what it replaces, ${how}`, () =>
          unchanged(installation, target, async () => {
            const restored = await run(
              'restore',
              backupId,
              '--to',
              `shop/${target}`,
              '--confirm',
              target,
              ...here,
            );
            assertComplaint(restored, {
              code: 'RESTORE_FAILED',
              message: /cannot drop table public\.item because other objects depend on it/,
            });
          }),
        );
        const half = '{ head -c 400000; cat > /dev/null; } | "$REAL" "$@"';
        const failures: Record<string, [string, RegExp]> = {
          'its input breaks off': [listing(half), /pg_restore exited with code 1/],
          'pg_restore is killed': [
            listing('head -c 400000 > /dev/null; kill -KILL $$'),
            /pg_restore was killed by SIGKILL/,
          ],
        };
        for (const [what, [lines, message]] of Object.entries(failures)) {
          await context.test(`${what}, ${how}`, async () => {
            await makeTools(tools, { pg_restore: lines });
            const [empty, created] = [await postgres.createDatabase(), postgres.uniqueName()];
            assertComplaint(await run('restore', backupId, '--to', `shop/${empty}`, ...here), {
              code: 'RESTORE_FAILED',
              message,
            });
            assert.deepEqual(
              await contentOf(postgres.url(empty)),
              await contentOf(postgres.url(await postgres.createDatabase())),
            );
            assertComplaint(await run('restore', backupId, '--to', `shop/${created}`, '--create', ...here), {
              code: 'RESTORE_FAILED',
              message,
            });
            assert.equal(await exists(installation, created), false, 'the database that it made is dropped');
            await makeTools(tools);
          });
        }
      }
      await damage(installation, backupId);
      for (const [how, here] of Object.entries(ways)) {
        await context.test(`its backup is damaged, ${how}`, async () => {
          const created = postgres.uniqueName();
          const complaint: Complaint = {
            code: 'OBJECT_DAMAGED',
            message: /data\.dump\.zst in storage main is damaged: its sha256/,
          };
          assertComplaint(
            await run('restore', backupId, '--to', `shop/${created}`, '--create', ...here),
            complaint,
          );
          assert.equal(await exists(installation, created), false);
          await unchanged(installation, target, async () => {
            assertComplaint(
              await run('restore', backupId, '--to', `shop/${target}`, '--confirm', target, ...here),
              complaint,
            );
          });
        });
      }
    }));

  it('a worker that is lost in the middle of one fails it, rolls back, and nothing starts it again', () =>
    withInstallation(async (installation) => {
      const { postgres, run, start } = installation;
      const { backupId, worker } = await shopWithBackup(installation);
      const target = await postgres.createDatabase();
      await query(
        postgres.url(target),
        'CREATE TABLE item (id int PRIMARY KEY, text text); INSERT INTO item VALUES (1)',
      );
      const before = await contentOf(postgres.url(target));
      const holder = await connect(postgres.url(target));
      try {
        await holder.query('BEGIN; LOCK TABLE item');
        const restoring = run('restore', backupId, '--to', `shop/${target}`, '--confirm', target);
        await until(
          'the restore waits for the table',
          async () => (await waiting(installation, target)) === 1,
        );
        const other = await start(['worker']);
        await worker.stop('SIGKILL');
        assertComplaint(await restoring, {
          code: 'WORKER_LOST',
          message: /the worker that ran restore-shop-.* was lost; the target may be partial/,
          hint: /Look at the target/,
        });
        await holder.query('COMMIT');
        await until(
          'the lost restore has left the server',
          async () => (await sessions(installation, target)) === 0,
        );
        assert.deepEqual(await contentOf(postgres.url(target)), before);
        assert.deepEqual(
          linesOf(other, backupId).filter((line) => line.message === 'restore started'),
          [],
        );
      } finally {
        await holder.end();
      }
    }));

  it('a command that is interrupted in the middle of one here rolls back and drops what it made', () =>
    withInstallation(async (installation) => {
      const { path, postgres, start } = installation;
      const tools = join(path, 'tools');
      const { backupId } = await shopWithBackup(installation, await makeTools(tools));
      const gate = createGate(path, 'restore');
      await makeTools(tools, {
        pg_restore: listing(`{ head -c 400000; ${gate.lines}; cat; } | "$REAL" "$@"`),
      });
      const created = postgres.uniqueName();
      const command = await start(['restore', backupId, '--to', `shop/${created}`, '--create', '--here'], {
        ready: /: restore\n/,
      });
      await gate.reached();
      assert.equal(await exists(installation, created), true);
      assert.equal(await command.stop('SIGINT'), 130);
      assert.match(command.log(), /error: interrupted by SIGINT\n/);
      assert.equal(await exists(installation, created), false);
    }));
});

/** A database of some 3 MB with a backup of it, which a worker made that still runs. */
async function shopWithBackup(
  installation: Installation,
  tools?: string,
): Promise<{ source: string; backupId: string; worker: Running }> {
  const { postgres, configure, run, start } = installation;
  const source = await postgres.createDatabase();
  await query(
    postgres.url(source),
    `CREATE TABLE item (id int PRIMARY KEY, text text);
    INSERT INTO item SELECT i, md5(i::text) FROM generate_series(1, 60000) i;
    CREATE TABLE part (item int REFERENCES item); INSERT INTO part VALUES (1), (2)`,
  );
  const shop = { engine: 'postgres', url: postgres.url(source) };
  await configure({ databases: { shop }, queue, ...(tools !== undefined && { tools: { path: [tools] } }) });
  const worker = await start(['worker']);
  const made = await run('backup', 'shop', '--json');
  assert.equal(made.code, 0, made.stderr);
  const [backup] = made.json<{ runs: { backupId: string }[] }>().runs;
  return { source, backupId: backup?.backupId ?? '', worker };
}

/** A database whose table of the same name cannot be dropped. */
async function targetWithView({ postgres }: Installation): Promise<string> {
  const target = await postgres.createDatabase();
  await query(
    postgres.url(target),
    "CREATE TABLE item (id int PRIMARY KEY, text text); INSERT INTO item VALUES (1, 'mine'); CREATE VIEW mine AS SELECT * FROM item",
  );
  return target;
}

async function unchanged(
  { postgres }: Installation,
  target: string,
  restore: () => Promise<void>,
): Promise<void> {
  const before = await contentOf(postgres.url(target));
  await restore();
  assert.deepEqual(await contentOf(postgres.url(target)), before);
}

/** pg_restore's lines for when it restores; it lists a table of contents as ever. */
function listing(lines: string): string {
  return `case "$*" in *--list*) exec "$REAL" "$@";; esac; ${lines}`;
}

async function damage({ backups, stored }: Installation, backupId: string): Promise<void> {
  const path = (await stored()).find((each) => each.includes(backupId) && each.endsWith('data.dump.zst'));
  const file = join(backups, path ?? '');
  const bytes = await readFile(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

async function exists({ postgres }: Installation, database: string): Promise<boolean> {
  return (
    (await query(postgres.adminUrl, `select from pg_database where datname = '${database}'`)).length === 1
  );
}

/** Sessions of ours in that database, and those of them that wait for a lock. */
async function sessions({ postgres }: Installation, database: string, and = ''): Promise<number> {
  const rows = await query(
    postgres.adminUrl,
    `select from pg_stat_activity where datname = '${database}' and application_name = 'backupdata' ${and}`,
  );
  return rows.length;
}

function waiting(installation: Installation, database: string): Promise<number> {
  return sessions(installation, database, "and wait_event_type = 'Lock'");
}
