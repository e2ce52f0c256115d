import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createPostgresEngine } from '../../../src/pipeline/engine/postgres/engine.ts';
import { newScratchName, timeOfScratch } from '../../../src/shared/ids.ts';
import { createDriller, type Driller } from '../../support/drill.ts';
import { sampleManifest } from '../../support/manifest.ts';
import { connect, query, startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { databaseConfig, engineContext } from '../../support/postgres-backup.ts';

const hour = 3_600_000;

describe('the start of a drill', () => {
  const engine = createPostgresEngine();
  let server: TestPostgres;
  let driller: Driller;

  before(async () => {
    // Of its own: drills of other tests would sweep what is left here.
    server = await startPostgres();
    driller = await createDriller(server);
  });
  after(() => server.stop());

  const open = (at: Date, serverVersion = '15.1') => {
    const manifest = sampleManifest();
    return engine.scratch(
      {
        manifest: { ...manifest, engine: { ...manifest.engine, serverVersion } },
        target: { source: databaseConfig(driller.url), database: undefined },
        name: newScratchName(at),
        at,
      },
      engineContext(),
    );
  };

  it('drops what dead drills left a day ago, and nothing that is younger, in use or not of a drill', async () => {
    const now = new Date();
    const ago = (hours: number) => newScratchName(new Date(now.getTime() - hours * hour));
    const names = { dead: ago(25), young: ago(23), used: ago(26), foreign: 'bkd_drill_of_mine' };
    const unlike = `${ago(27)}_copy`;
    for (const name of [...Object.values(names), unlike]) await createEmpty(driller.url, name);
    const inUse = await connect(server.url(names.used));
    try {
      await open(now);
      const { young, used, foreign } = names;
      assert.deepEqual(new Set(await driller.scratch()), new Set([young, used, foreign, unlike]));
    } finally {
      await inUse.end();
      for (const name of await driller.scratch())
        await query(driller.url, `DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  it('goes past those of another user, which it may not drop', async () => {
    const now = new Date();
    const others = newScratchName(new Date(now.getTime() - 30 * hour));
    await createEmpty(server.adminUrl, others);
    const kept = await connect(server.url(others));
    try {
      await kept.end();
      assert.match((await open(now)).target.database ?? '', /^bkd_drill_/);
    } finally {
      await query(server.adminUrl, `DROP DATABASE IF EXISTS ${others} WITH (FORCE)`);
    }
  });

  it('refuses a server that is older than the one that the backup is of', () =>
    assert.rejects(open(new Date(), '99.1'), { code: 'CONFIG_INVALID', message: /is PostgreSQL \d+, and/ }));
});

it('the name of a scratch database tells when it was made', () => {
  const at = new Date('2026-11-22T12:34:56Z');
  const name = newScratchName(at);
  assert.match(name, /^bkd_drill_[0-9a-z]+_[a-z2-7]{6}$/);
  assert.deepEqual(timeOfScratch(name), at);
  for (const other of ['bkd_drill_', 'bkd_drill_x_y', `${name}x`, `x${name}`, 'bkd_drill_of_mine'])
    assert.equal(timeOfScratch(other), undefined, other);
});

async function createEmpty(url: string, name: string): Promise<void> {
  await query(url, `CREATE DATABASE ${name}`);
}
