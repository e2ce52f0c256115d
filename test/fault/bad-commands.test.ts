import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertComplaint, assertJsonComplaint, type Complaint } from '../support/complaint.ts';
import { withInstallation } from '../support/installation.ts';
import { freePort } from '../support/ports.ts';

describe('a command that cannot begin fails with one sentence and one hint', () => {
  it('whatever is wrong with its words, its configuration or Redis', (context) =>
    withInstallation(async (installation) => {
      const { path, postgres, configure, env, run, stored } = installation;
      const shop = { engine: 'postgres', url: postgres.url(postgres.uniqueName()) };
      await configure({ databases: { shop, crm: shop } });
      await mkdir(join(path, 'folder'));
      await writeFile(
        join(path, 'typo.yaml'),
        'storages:\n  main: { type: local, path: ./b }\ndatabases:\n  shop:\n    engine: postgres\n    url: postgres://localhost/shop\n    compresion: { type: none }\n',
      );
      await writeFile(join(path, 'broken.yaml'), 'storages: [\n');
      const id = 'shop-20260102T030405Z-abc234';
      const table: [string[], Complaint][] = [
        [
          ['backup', 'shap'],
          { code: 'DATABASE_UNKNOWN', message: /there is no database "shap"/, hint: /shop/ },
        ],
        [['backup'], { code: 'USAGE', message: /name the databases/ }],
        [['backup', 'shop', '--all'], { code: 'USAGE', message: /names or --all, not both/ }],
        [['backup', 'shop', '--al'], { code: 'USAGE', message: /unknown argument: al/ }],
        [['bakup'], { code: 'USAGE', message: /bakup|Did you mean backup/ }],
        [['restore', 'shop'], { code: 'USAGE', message: /an option is missing: --to/ }],
        [
          ['backup', 'shop', '--config', 'missing.yaml'],
          { code: 'CONFIG_INVALID', message: /missing\.yaml.* is not there/ },
        ],
        [
          ['backup', 'shop', '--config', 'folder'],
          { code: 'CONFIG_INVALID', message: /folder.* cannot be read \(EISDIR\)/ },
        ],
        [
          ['backup', 'shop', '--config', 'typo.yaml'],
          {
            code: 'CONFIG_INVALID',
            message: /typo\.yaml:7:5: .*the key compresion is not known here; did you mean "compression"\?/,
          },
        ],
        [
          ['config', 'validate', '--config', 'broken.yaml'],
          { code: 'CONFIG_INVALID', message: /broken\.yaml:\d+:\d+/ },
        ],
        [['show', id], { code: 'BACKUP_NOT_FOUND', message: new RegExp(`no backup "${id}"`) }],
        [['verify', id, '--here'], { code: 'BACKUP_NOT_FOUND', message: new RegExp(`no backup "${id}"`) }],
        [
          ['restore', id, '--to', 'shop/copy', '--create'],
          { code: 'BACKUP_NOT_FOUND', message: new RegExp(`no backup "${id}"`) },
        ],
        [
          ['restore', 'shop', '--to', 'shop/copy', '--here'],
          { code: 'BACKUP_NOT_FOUND', message: /no backup of "shop" yet/ },
        ],
        [['list', 'nothing'], { code: 'DATABASE_UNKNOWN', message: /there is no database "nothing"/ }],
        [['list', '--storage', 'attic'], { code: 'STORAGE_UNKNOWN', message: /there is no storage "attic"/ }],
        [['jobs', 'show', id], { code: 'JOB_NOT_FOUND', message: new RegExp(id) }],
      ];
      for (const [args, complaint] of table) {
        await context.test(args.join(' '), async () => {
          const [plain, json] = await Promise.all([run(...args), run(...args, '--json')]);
          assertComplaint(plain, complaint);
          assertJsonComplaint(json, complaint);
        });
      }
      await context.test('Redis away', async () => {
        env.REDIS_URL = `redis://:hidden@127.0.0.1:${await freePort()}`;
        for (const args of [
          ['backup', 'shop'],
          ['jobs', 'list'],
        ]) {
          const complaint: Complaint = {
            code: 'REDIS_UNAVAILABLE',
            message: /Redis at 127\.0\.0\.1:\d+ does not answer/,
          };
          const startedAt = performance.now();
          const [plain, json] = await Promise.all([run(...args), run(...args, '--json')]);
          assert.ok(performance.now() - startedAt < 5_000, 'within a few seconds');
          assertComplaint(plain, complaint);
          assertJsonComplaint(json, complaint);
        }
      });
      assert.deepEqual(await stored(), []);
    }));
});
