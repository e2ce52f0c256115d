import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newBackupId } from '../../src/shared/ids.ts';
import { hourly, withSchedules } from '../support/due.ts';
import { withFleet } from '../support/fleet.ts';
import { type ConfigChanges, type Installation, withInstallation } from '../support/installation.ts';
import { until } from '../support/until.ts';

/** Once a year: nothing is due by itself while a test runs. */
const yearly = '30 2 1 1 *';

interface Listed {
  schedules: {
    name: string;
    kind: string;
    words: string;
    timezone: string;
    next: string[];
    last: string | null;
    state: string;
    missed: number;
    paused: { by: string } | null;
  }[];
}

describe('the schedules on the command line', () => {
  it('are listed with words, zone, last and next, run, paused and resumed', () =>
    withInstallation(async (installation) => {
      await installation.configure(shopAndCrm(installation));
      await installation.start(['serve']);
      const list = async () =>
        (await installation.run('schedule', 'list', '--json')).json<Listed>().schedules;
      const [shop, verify, ...others] = await list();
      assert.deepEqual(others, []);
      assert.deepEqual(
        [shop?.name, shop?.kind, shop?.words, shop?.timezone, shop?.state, shop?.missed, shop?.last],
        [
          'shop',
          'backup',
          'At 02:30, on day 1 of the month, only in January',
          'Europe/Berlin',
          'idle',
          0,
          null,
        ],
      );
      assert.match(shop?.next.join(' ') ?? '', /^(\d{4}-01-01T01:30:00\.000Z ?){3}$/);
      assert.equal(verify?.kind, 'verify');

      const run = await installation.run('schedule', 'run', 'shop');
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /^shop-\d{8}T\d{6}Z-[a-z2-7]{6}\n$/);
      assert.equal((await list())[0]?.state, 'waiting');

      assert.equal((await installation.run('schedule', 'pause', 'shop')).code, 0);
      const [paused] = await list();
      assert.deepEqual([paused?.state, paused?.next], ['paused', []]);
      const text = await installation.run('schedule', 'list');
      assert.match(text.stdout, /^shop +paused +At 02:30/m);
      assert.match(
        (await installation.run('schedule', 'resume', '--all')).stdout,
        /^shop goes on with its next slot/,
      );
      assert.match((await installation.run('schedule', 'resume', 'shop')).stdout, /^shop was not paused/);
    }));

  it('go on with the next slot when they are resumed, though no producer saw the pause', () =>
    withInstallation(async (installation) => {
      const { postgres, configure, run, start } = installation;
      const { schedule, due } = hourly();
      await configure({
        databases: { shop: { engine: 'postgres', url: postgres.url('postgres'), schedule } },
      });
      await withSchedules(installation, async ({ leaveDue, ledger }) => {
        await leaveDue(2);
        assert.equal((await run('schedule', 'pause', 'shop')).code, 0);
        assert.equal((await run('schedule', 'resume', 'shop')).code, 0);
        const producer = await start(['serve']);
        await until(
          'it has looked',
          async () => (await ledger.read('shop')).seenTo?.getTime() === due.getTime(),
        );
        assert.equal((await ledger.read('shop')).missed, 0);
        await withFleet(installation, async (fleet) => {
          assert.equal(await fleet.state(newBackupId({ database: 'shop', at: due, slot: due })), 'unknown');
        });
        assert.equal(await producer.stop(), 0);
      });
    }));

  it('are listed whatever their expressions look like', () =>
    withInstallation(async (installation) => {
      const url = installation.postgres.url('postgres');
      const databases = {
        // As it is copied from a web page.
        shop: { engine: 'postgres', url, schedule: '30 2\u00a01 1 *' },
        crm: { engine: 'postgres', url, schedule: '41 2 * JAN ?-?' },
      };
      await installation.configure({ databases });
      const listed = await installation.run('schedule', 'list', '--json');
      assert.equal(listed.code, 0, listed.stderr);
      assert.deepEqual(
        listed.json<Listed>().schedules.map(({ words }) => words),
        ['At 02:30, on day 1 of the month, only in January', '41 2 * JAN ?-?'],
      );
    }));

  it('that are not there are refused, each with its exit code', () =>
    withInstallation(async (installation) => {
      await installation.configure(shopAndCrm(installation));
      const ends = async (...args: string[]) => {
        const { code, stderr } = await installation.run('schedule', ...args);
        return [code, stderr.split('\n')[0]];
      };
      assert.deepEqual(await ends('run', 'crm'), [
        3,
        `error: crm has no schedule in the configuration (backupdata.yaml)`,
      ]);
      assert.equal((await ends('pause', 'nothing'))[0], 3);
      assert.equal((await ends('list', 'crm'))[0], 3);
      assert.equal((await ends('pause', 'shop', '--all'))[0], 2);
    }));

  it('are planned before they are followed', () =>
    withInstallation(async (installation) => {
      const planned = async () => {
        const { code, stdout, stderr } = await installation.run('config', 'validate', '--plan');
        assert.equal(code, 0, stderr);
        return stdout.split('\n').slice(1, -1);
      };
      const changes = shopAndCrm(installation);
      await installation.configure(changes);
      const added = ['+ shop: 30 2 1 1 * Europe/Berlin', '+ shop (verify): 30 2 1 1 * Europe/Berlin'];
      assert.deepEqual(await planned(), added);
      await installation.start(['serve']);
      await until(
        'the producer has followed it',
        async () => (await planned())[0]?.startsWith('The') === true,
      );
      assert.deepEqual(await planned(), ['The schedules are as they should be.']);
      const { shop, crm } = changes.databases;
      await installation.configure({
        databases: {
          shop: { ...shop, schedule: '0 4 * * *', verify: {} },
          crm: { ...crm, schedule: yearly },
        },
      });
      assert.deepEqual(await planned(), [
        '+ crm: 30 2 1 1 * UTC',
        '~ shop: 30 2 1 1 * Europe/Berlin becomes 0 4 * * * Europe/Berlin',
        '- shop (verify): 30 2 1 1 * Europe/Berlin',
      ]);
    }));
});

function shopAndCrm({ postgres }: Installation): ConfigChanges {
  const url = postgres.url('postgres');
  const verify = { schedule: yearly };
  return {
    databases: {
      shop: { engine: 'postgres', url, schedule: yearly, timezone: 'Europe/Berlin', verify },
      crm: { engine: 'postgres', url },
    },
  };
}
