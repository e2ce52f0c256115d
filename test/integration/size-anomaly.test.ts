import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseCatalogKey } from '../../src/pipeline/catalog/keys.ts';
import type { Manifest } from '../../src/shared/manifest.ts';
import { copyDatabase, createBulk } from '../support/bulk-database.ts';
import { assertComplaint } from '../support/complaint.ts';
import { type CommandResult, withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';

it('a backup of an unusual size is committed with a note, or refused before the commit as the configuration says', () =>
  withInstallation(async ({ postgres, configure, run, start, stored }) => {
    const noted = await createBulk(postgres, 8);
    const refused = await copyDatabase(postgres, noted);
    const lose = (database: string) => query(postgres.url(database), 'DELETE FROM bulk WHERE id > 1024');
    const databases = (action: string) => ({
      noted: { engine: 'postgres', url: postgres.url(noted) },
      refused: { engine: 'postgres', url: postgres.url(refused), sizeAnomaly: { action } },
    });
    await configure({ databases: databases('fail') });
    let worker = await start(['worker']);
    for (const name of ['noted', 'refused']) {
      assert.equal((await newestOf(run, name)).usualBytes, null);
      const second = await newestOf(run, name);
      assert.equal(second.usualBytes, null, 'one is too few to say');
      const third = await newestOf(run, name);
      assert.ok(Math.abs((third.usualBytes ?? 0) - third.bytes) < 0.1 * third.bytes, 'two are enough');
      assert.deepEqual(third.notes, second.notes);
    }

    await lose(noted);
    const small = await newestOf(run, 'noted');
    const note = small.notes.find((each) => each.startsWith('its size is unusual: '));
    assert.match(note ?? '', /^its size is unusual: 1 MiB stored, less than 1\/3 of the 8\.\d MiB that/);
    assert.match((await run('show', small.backupId)).stdout, /its size is unusual/);
    const line = worker
      .log()
      .split('\n')
      .find((each) => each.includes(`"message":"${note}"`));
    assert.match(line ?? '', new RegExp(`"level":"warn".*"backupId":"${small.backupId}".*"attemptId"`));

    await lose(refused);
    const before = await dataOf(stored);
    assertComplaint(await run('backup', 'refused'), {
      code: 'SIZE_ANOMALY',
      message: /the backup of "refused" was not committed: its size is unusual: 1 MiB stored, less than 1\/3/,
      hint: /set sizeAnomaly.action to warn/,
    });
    assert.equal(worker.log().match(/"message":"backup failed"/g)?.length, 1, 'it is not tried again');
    assert.deepEqual(await dataOf(stored), before, 'nothing is left of it');

    await configure({ databases: databases('warn') });
    assert.equal(await worker.stop(), 0);
    worker = await start(['worker']);
    assert.match((await newestOf(run, 'refused')).notes.join(), /its size is unusual/);
    assert.equal(await worker.stop(), 0);
  }));

/** Backs up, and gives the manifest. */
async function newestOf(run: (...args: string[]) => Promise<CommandResult>, name: string): Promise<Manifest> {
  const made = await run('backup', name, '--json');
  assert.equal(made.code, 0, made.stderr);
  const backupId = made.json<{ runs: { backupId: string }[] }>().runs[0]?.backupId ?? '';
  const shown = await run('show', backupId, '--json');
  return shown.json<{ manifest: Manifest }>().manifest;
}

/** All but the marks that verifications leave meanwhile. */
async function dataOf(stored: () => Promise<string[]>): Promise<string[]> {
  return (await stored()).filter((key) => parseCatalogKey(key)?.kind !== 'verification');
}
