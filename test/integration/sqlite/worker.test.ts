import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { quickQueue, withInstallation } from '../../support/installation.ts';
import { realProgram } from '../../support/misbehaving-tools.ts';
import { contentOf, createSqliteSample, onSqlite } from '../../support/sqlite-sample.ts';

describe('a SQLite file through the queue into storage, and back', () => {
  it('is checked, backed up, listed, verified, drilled and restored by a worker and in the own process', () =>
    withInstallation(async ({ path, configure, run, start }) => {
      const file = join(path, 'app.db');
      createSqliteSample(file);
      const expected = contentOf(file);
      const verify = {
        level: 'restore',
        counts: 'exact',
        assertions: ['SELECT count(*) = 3 FROM customers'],
      };
      await configure({ databases: { app: { engine: 'sqlite', path: file, verify } } });
      await start(['worker']);
      const checked = await run('check');
      assert.match(
        checked.stdout,
        /sqlite3 .*\n[\s\S]*database app .*sqlite \d/,
        checked.stdout + checked.stderr,
      );
      const backup = await run('backup', 'app', '--json');
      assert.equal(backup.code, 0, backup.stderr);
      const listed = await run('list', '--json');
      const [entry] = listed.json<{ backups: { backupId: string; engine: string }[] }>().backups;
      assert.equal(entry?.engine, 'sqlite', listed.stdout);
      for (const level of ['checksum', 'decode', 'restore']) {
        const verified = await run('verify', 'app', '--level', level);
        assert.equal(verified.code, 0, verified.stderr);
      }
      for (const [target, name] of [
        [`app//${join(path, 'by-worker.db').slice(1)}`, 'by-worker.db'],
        ['./own.db', 'own.db'],
      ] as const) {
        const restored = await run('restore', 'app', '--to', target, '--create');
        assert.equal(restored.code, 0, restored.stderr);
        assert.deepEqual(contentOf(join(path, name)), expected);
      }
      onSqlite(file, (database) => database.exec('DROP TABLE files'));
      const refused = await run('restore', 'app', '--to', 'app');
      assert.equal(refused.code, 4, refused.stderr);
      const over = await run('restore', 'app', '--to', 'app', '--confirm', 'app.db', '--keep-old');
      assert.equal(over.code, 0, over.stderr);
      assert.deepEqual(contentOf(file), expected);
      assert.equal((await readdir(path)).filter((name) => name.startsWith('app.db.before-')).length, 1);
    }));

  it('may take longer for its copy, and for the check of one, than bytes may be silent, but not than the whole run may', () =>
    withInstallation(async ({ path, configure, run, start }) => {
      const file = join(path, 'app.db');
      createSqliteSample(file);
      const slow = `case "$*" in *.backup*|*integrity_check*) sleep 3;; esac; exec '${await realProgram('sqlite3')}' "$@"`;
      await writeFile(join(path, 'sqlite3'), `#!/bin/sh\n${slow}\n`, { mode: 0o755 });
      const settings = {
        queue: quickQueue,
        timeouts: { noBytes: '1s' },
        tools: { path: [path, '/usr/bin', '/bin'] },
      };
      await configure({
        databases: {
          patient: { engine: 'sqlite', path: file },
          hurried: { engine: 'sqlite', path: file, maxDuration: '1s' },
        },
        ...settings,
      });
      await start(['worker']);
      const made = await run('backup', 'patient');
      assert.equal(made.code, 0, made.stderr);
      const verified = await run('verify', 'patient');
      assert.equal(verified.code, 0, verified.stderr);
      const late = await run('backup', 'hurried');
      assert.equal(late.code, 1, late.stderr);
      assert.match(late.stderr, /longer than maxDuration/);
    }));
});
