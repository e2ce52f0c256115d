import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { codecFromManifest } from '../../../src/pipeline/codec/codecs.ts';
import { holdDrill } from '../../../src/pipeline/drill.ts';
import { engineFor } from '../../../src/pipeline/engine/engines.ts';
import { createTools } from '../../../src/pipeline/process/tools.ts';
import { newScratchName } from '../../../src/shared/ids.ts';
import type { Manifest } from '../../../src/shared/manifest.ts';
import { type EngineRun, withEngineRun } from '../../support/engine-run.ts';
import { sharedMariadb, type TestMariadb } from '../../support/mariadb.ts';
import { mariadbSource } from '../../support/mariadb-backup.ts';
import { statements } from '../../support/mariadb-client.ts';
import { createSample, describeDatabase } from '../../support/mariadb-sample.ts';
import { engineContext } from '../../support/postgres-backup.ts';
import { until } from '../../support/until.ts';

/** All that a drill needs, and nothing beside. */
const grants = 'GRANT ALL PRIVILEGES ON `bkd\\_drill\\_%`.*';

describe('a drill on a MariaDB', () => {
  let server: TestMariadb;
  let driller: string;

  before(async () => {
    server = await sharedMariadb();
    driller = server.uniqueName();
    await statements(
      server.adminUrl,
      `CREATE USER ${driller}@'%' IDENTIFIED BY 'drill-canary'; ${grants} TO ${driller}@'%';`,
    );
  });

  after(() => server.stop());

  const drill = async (
    run: EngineRun,
    manifest: Manifest,
    {
      assertions = [],
      path,
      user = driller,
      at = new Date(),
    }: { assertions?: string[]; path?: string; user?: string; at?: Date } = {},
  ) => {
    const tools = path === undefined ? {} : { tools: createTools({ path: '', only: [path, '/usr/bin'] }) };
    const context = engineContext(tools);
    const codecs = manifest.codecs.map((codec) =>
      codecFromManifest({ ...codec, backupId: manifest.backupId, identities: [], tools: context.tools }),
    );
    return holdDrill({
      manifest,
      storage: run.storage,
      engine: await engineFor('mariadb'),
      codecs: await Promise.all(codecs),
      context,
      clock: () => at,
      onBytes: () => undefined,
      drill: {
        target: { source: mariadbSource(server.url('', user, 'drill-canary')), database: undefined },
        assertions,
        onPhase: () => undefined,
      },
    });
  };
  const scratches = () => statements(server.adminUrl, "SHOW DATABASES LIKE 'bkd\\_drill\\_%'");

  it('proves a backup with a user who may use nothing else, and leaves nothing', () =>
    withEngineRun(async (run) => {
      const { url } = await createSample(server);
      const expected = await describeDatabase(url);
      const manifest = await run.backUp(mariadbSource(url));
      const { finding, facts } = await drill(run, manifest, {
        assertions: ['SELECT COUNT(*) = 4 FROM customer', 'SELECT doubled FROM expensive_names;'],
      });
      assert.equal(finding, null);
      assert.equal(facts.assertions, 2);
      assert.match(facts.serverVersion, /MariaDB/);
      assert.deepEqual(await scratches(), []);
      assert.deepEqual(await describeDatabase(url), expected);
    }));

  it('proves a backup of an event whose time has come since', () =>
    withEngineRun(async (run) => {
      const url = server.url(await server.createDatabase());
      await statements(
        url,
        'CREATE EVENT soon ON SCHEDULE AT NOW() + INTERVAL 2 SECOND ON COMPLETION NOT PRESERVE DO SELECT 1',
      );
      const manifest = await run.backUp(mariadbSource(url));
      await until('its time has come', async () => {
        const rows = await statements(
          url,
          'SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() AND EXECUTE_AT >= NOW()',
        );
        return rows.length === 0;
      });
      assert.equal((await drill(run, manifest)).finding, null);
    }));

  it('runs none of the events of the backup', () =>
    withEngineRun(async (run) => {
      const { url } = await createSample(server);
      await statements(
        url,
        "DELIMITER //\nCREATE EVENT eager ON SCHEDULE EVERY 1 SECOND COMMENT ' ENABLE ' DO BEGIN INSERT INTO audit (what) VALUES ('x'); END//",
      );
      const manifest = await run.backUp(mariadbSource(url));
      const { finding } = await drill(run, manifest, {
        assertions: [
          "SELECT COUNT(*) = 3 AND SUM(STATUS = 'ENABLED') = 0 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()",
        ],
      });
      assert.equal(finding, null);
    }));

  it('finds what a restore that exits with 0 has lost', (context) =>
    withEngineRun(async (run) => {
      const { url } = await createSample(server);
      const manifest = await run.backUp(mariadbSource(url));
      const losses: Record<string, RegExp> = {
        '/ TRIGGER purchase_added /,/END/d': /the restore lacks TRIGGER \(2 of 3\)/,
        '/^CREATE SEQUENCE/d; /counter/d': /the restore lacks .*SEQUENCE counter/,
        '/50001 VIEW .expensive. /d': /VIEW expensive/,
        '/ EVENT .tidy. /,/^DELIMITER/d': /EVENT tidy/,
        '/^CREATE PROCEDURE/,/^END$/d': /the restore lacks PROCEDURE remember/,
      };
      for (const [loss, message] of Object.entries(losses)) {
        await context.test(loss, async () => {
          const folder = join(run.path, 'tools');
          await mkdir(folder, { recursive: true });
          const client = `#!/bin/sh\ncase "$*" in *--binary-mode*) sed -e '${loss}' | /usr/bin/mariadb "$@" --force 2>/dev/null; exit 0;; esac\nexec /usr/bin/mariadb "$@"\n`;
          await writeFile(join(folder, 'mariadb'), client, { mode: 0o755 });
          const dump = '#!/bin/sh\nexec /usr/bin/mariadb-dump "$@"\n';
          await writeFile(join(folder, 'mariadb-dump'), dump, { mode: 0o755 });
          const { finding } = await drill(run, manifest, { path: folder });
          assert.match(finding ?? 'nothing was found', message);
          assert.deepEqual(await scratches(), []);
        });
      }
    }));

  it('tells an assertion that does not hold from one that cannot be asked', () =>
    withEngineRun(async (run) => {
      const { url } = await createSample(server);
      const manifest = await run.backUp(mariadbSource(url));
      const findings: Record<string, RegExp> = {
        'SELECT 0': /assertion 1 does not hold: SELECT 0: it gave 0$/,
        'SELECT NULL': /it gave NULL$/,
        'SELECT 1 FROM customer WHERE id = 99': /it gave no row$/,
        'SELECT 1 FROM nowhere': /nowhere' doesn't exist/,
      };
      for (const [assertion, message] of Object.entries(findings)) {
        const { finding } = await drill(run, manifest, { assertions: [assertion] });
        assert.match(finding ?? 'nothing was found', message);
      }
      for (const assertion of [
        'SELEC 1',
        'DROP TABLE customer',
        'SELECT 1; DROP TABLE customer',
        'SELECT 1) LIMIT 1; DROP DATABASE x; (SELECT 1',
      ])
        await assert.rejects(drill(run, manifest, { assertions: [assertion] }), { code: 'RESTORE_FAILED' });
      assert.deepEqual(await scratches(), []);
    }));

  it('is refused to a user who may not make databases, and sweeps what dead drills left', () =>
    withEngineRun(async (run) => {
      const { url } = await createSample(server);
      const manifest = await run.backUp(mariadbSource(url));
      const poor = server.uniqueName();
      await statements(server.adminUrl, `CREATE USER ${poor}@'%' IDENTIFIED BY 'drill-canary';`);
      await assert.rejects(drill(run, manifest, { user: poor }), {
        code: 'DATABASE_PERMISSION',
        hint: new RegExp(`^As an administrator of that server: ${grants.replaceAll(/[\\.*]/g, '\\$&')} TO`),
      });
      const now = new Date();
      const [old, young] = [3 * 86_400_000, 3_600_000].map((age) =>
        newScratchName(new Date(now.getTime() - age)),
      );
      await statements(server.adminUrl, `CREATE DATABASE ${old}; CREATE DATABASE ${young};`);
      await drill(run, manifest, { at: now });
      assert.deepEqual(await scratches(), [[young]]);
      await statements(server.adminUrl, `DROP DATABASE ${young};`);
    }));
});
