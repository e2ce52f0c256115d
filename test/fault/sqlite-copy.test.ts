import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createSqliteEngine } from '../../src/pipeline/engine/sqlite/engine.ts';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { databaseOf, prepareAndProve } from '../support/engine-run.ts';
import { withFolder } from '../support/folder.ts';
import { quickQueue, withInstallation } from '../support/installation.ts';
import { createGate, realProgram } from '../support/misbehaving-tools.ts';
import { engineContext } from '../support/postgres-backup.ts';
import { misbehavingPrograms } from '../support/redis-programs.ts';
import { createSqliteSample, sqliteSource } from '../support/sqlite-sample.ts';
import { until } from '../support/until.ts';

/** What sqlite3 does when it is to copy; it does all else as it should. */
const copying = (lines: string): string => `case "$*" in *.backup*) ${lines};; esac; exec "$REAL" "$@"`;
/** Where it was told to write. */
const intoCopy = `for LAST; do :; done; COPY=$(printf %s "$LAST" | cut -d'"' -f2)`;

describe('sqlite3 that fails', () => {
  for (const [what, lines, code, message] of [
    ['ends well and writes nothing', 'exit 0', 'DUMP_FAILED', /not sound/],
    ['ends well and makes an empty file', `${intoCopy}; : > "$COPY"; exit 0`, 'DUMP_FAILED', /not sound/],
    [
      'ends well and writes half',
      `"$REAL" "$@"; ${intoCopy}; truncate -s 40960 "$COPY"; exit 0`,
      'DUMP_FAILED',
      /not sound/,
    ],
    [
      'ends well and writes more',
      `"$REAL" "$@"; ${intoCopy}; printf more >> "$COPY"; exit 0`,
      'DUMP_FAILED',
      /not sound.*its pages/,
    ],
    [
      'may not write where SQLite must',
      `echo 'Error: stepping, attempt to write a readonly database (8)' >&2; exit 8`,
      'DATABASE_PERMISSION',
      /may not read it as SQLite must/,
    ],
    ['is killed', 'kill -9 $$', 'DUMP_FAILED', /killed by SIGKILL/],
  ] as const)
    it(`stores nothing when it ${what}`, () =>
      withCopy(copying(lines), async (copy) => {
        await assert.rejects(copy(), { code, message });
      }));

  it('is refused when it is too old, or missing', () =>
    withFolder(async (folder) => {
      const old = await misbehavingPrograms(folder, { sqlite3: 'echo "3.36.0 2021-06-18"' });
      const none = createTools({ path: join(folder, 'nothing'), only: undefined });
      const database = databaseOf(sqliteSource(join(folder, 'app.db')));
      for (const [tools, code] of [
        [old, 'TOOL_TOO_OLD'],
        [none, 'TOOL_MISSING'],
      ] as const)
        await assert.rejects(createSqliteEngine().inspect(database, engineContext({ tools })), { code });
    }));

  it('is stopped with the run, and its copy is removed', () =>
    withFolder(async (folder) => {
      const gate = createGate(folder, 'copy');
      await withCopy(copying(gate.lines), async (copy) => {
        const run = new AbortController();
        const ended = assert.rejects(copy(run.signal), { message: 'enough' });
        await gate.reached();
        run.abort(new Error('enough'));
        await ended;
      });
    }));
});

describe('a worker that is killed while sqlite3 copies', () => {
  it('leaves only what a later run sweeps, and the run is made by another', () =>
    withInstallation(async ({ path, configure, run, start, stored }) => {
      const gate = createGate(path, 'copy');
      const temporary = join(path, 'tmp');
      await mkdir(temporary);
      const lines = `#!/bin/sh\nREAL='${await realProgram('sqlite3')}'\n${copying(gate.lines)}\n`;
      await writeFile(join(path, 'sqlite3'), lines, { mode: 0o755 });
      createSqliteSample(join(path, 'app.db'));
      await configure({
        databases: { app: { engine: 'sqlite', path: join(path, 'app.db') } },
        queue: quickQueue,
        tools: { path: [path, '/usr/bin', '/bin'] },
      });
      const worker = await start(['worker'], { env: { TMPDIR: temporary } });
      const backup = run('backup', 'app', '--json');
      await gate.reached();
      await worker.stop('SIGKILL');
      await gate.open();
      assert.deepEqual(await stored(), ['backupdata.json']);
      const left = await readdir(temporary);
      assert.equal(left.length, 1, left.join());
      assert.match(left.join(), new RegExp(`^backupdata-work-${worker.pid}-`));
      await start(['worker'], { env: { TMPDIR: temporary } });
      const made = await backup;
      assert.equal(made.code, 0, made.stderr);
      // A new backup is verified by itself.
      await until('only the dead worker left something', async () => (await readdir(temporary)).length === 1);
    }));
});

/** Gives what copies a sample by this sqlite3; afterwards nothing may be left of it. */
async function withCopy(
  sqlite3: string,
  use: (copy: (signal?: AbortSignal) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    createSqliteSample(join(folder, 'app.db'));
    const context = engineContext({ tools: await misbehavingPrograms(folder, { sqlite3 }) });
    const [engine, database] = [createSqliteEngine(), databaseOf(sqliteSource(join(folder, 'app.db')))];
    const plan = await engine.plan(database, await engine.inspect(database, context), context);
    const [part] = plan.parts;
    assert.ok(part);
    try {
      await use((signal = context.signal) => prepareAndProve(part, signal));
    } finally {
      await plan.close();
    }
    const left = (await readdir(process.env.TMPDIR ?? '/tmp')).filter((name) =>
      name.startsWith(`backupdata-work-${process.pid}-`),
    );
    assert.deepEqual(left, []);
  });
}
