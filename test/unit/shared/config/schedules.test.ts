import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { loadText, problemsOf, withDatabase } from './load-text.ts';

describe('a schedule in a configuration', () => {
  it('has five fields of cron', async () => {
    for (const schedule of ['0 3 * * 0', '*/20 2 * * *', '0 0 1 jan MON-THU', ' 0  3 * * 0 ', '0 0 29 2 *']) {
      const config = await loadText(withDatabase(`    verify: { schedule: "${schedule}" }\n`));
      assert.equal(config.databases.get('shop')?.verify.schedule, schedule);
    }
  });

  it('is refused, with its place, when it is anything else', async () => {
    const wrong = [
      '* * * *',
      '0 0 3 * * *',
      'H H * * *',
      'H(0-5) 3 * * *',
      '@daily',
      '61 * * * *',
      '0 0 31 2 *',
    ];
    for (const schedule of [...wrong, 'nightly', '0 3 * * MO', '0 3 * * 9', '- - - - -']) {
      const problems = await problemsOf(
        loadText(withDatabase(`    verify:\n      schedule: "${schedule}"\n`)),
      );
      assert.equal(problems.length, 1, schedule);
      assert.match(
        problems[0] ?? '',
        /^backupdata\.yaml:8:7: databases\.shop\.verify\.schedule: not a schedule that ever comes/,
      );
    }
  });

  it('of backups is one under the same rules, in the zone of each database that has it', async () => {
    const config = await loadText(
      withDatabase(
        '    schedule: "0 2 * * *"\n    timezone: Europe/Berlin\n    spread: 20m\n    missed: skip\n',
      ),
    );
    const { schedule, timezone, spread, missed } = config.databases.get('shop') ?? {};
    assert.deepEqual(
      { schedule, timezone, spread, missed },
      { schedule: '0 2 * * *', timezone: 'Europe/Berlin', spread: 1_200_000, missed: 'skip' },
    );
    for (const wrong of ['* * * *', '0 0 3 * * *', 'H 3 * * *', '0 0 31 2 *']) {
      const problems = await problemsOf(loadText(withDatabase(`    schedule: "${wrong}"\n`)));
      assert.match(
        problems.join('\n'),
        /^backupdata\.yaml:7:5: databases\.shop\.schedule: not a schedule that/,
      );
    }
    const zone = await problemsOf(
      loadText(withDatabase('    schedule: "0 2 * * *"\n    timezone: Europe/Atlantis\n')),
    );
    assert.match(zone.join('\n'), /^backupdata\.yaml:8:5: databases\.shop\.timezone: not a time zone/);
  });

  it('is not spread beyond its next slot', async () => {
    await loadText(withDatabase('    schedule: "*/15 * * * *"\n    spread: 14m\n'));
    const own = await problemsOf(loadText(withDatabase('    schedule: "*/15 * * * *"\n    spread: 15m\n')));
    assert.match(own.join('\n'), /databases\.shop\.spread: has less time between two slots than spread/);
    const inherited = await problemsOf(
      loadText(`defaults: { spread: 2h }\n${withDatabase('    schedule: "0 * * * *"\n')}`),
    );
    assert.match(inherited.join('\n'), /databases\.shop\.schedule: has less time between two slots/);
  });

  it('that thousands of databases share is looked at once', async () => {
    const entries = Array.from(
      { length: 2_000 },
      (_, index) =>
        `  shop${index}: { engine: sqlite, path: shop.db, schedule: "${index % 20} 2 * * *", timezone: Europe/Berlin, spread: 20m }`,
    );
    const text = `storages: { main: { type: local, path: b } }\ndatabases:\n${entries.join('\n')}\n`;
    const { cpuUsage } = process;
    const before = cpuUsage();
    assert.equal((await loadText(text)).databases.size, 2_000);
    const { user } = cpuUsage(before);
    assert.ok(user < 8_000_000, `${user / 1e6} s of CPU`);
  });

  it('of drills needs a server for them, wherever it is written', async () => {
    const drills = 'verify: { level: restore, schedule: "0 3 * * 0" }';
    const own = await problemsOf(loadText(withDatabase(`    ${drills}\n`)));
    assert.match(
      own.join('\n'),
      /^backupdata\.yaml:\d+:\d+: databases\.shop\.verify: has a schedule of drills and no server/,
    );
    const inherited = await problemsOf(loadText(`defaults: { ${drills} }\n${withDatabase()}`));
    assert.match(inherited.join('\n'), /^backupdata\.yaml:1:\d+: defaults\.verify: has a schedule of drills/);
    await loadText(withDatabase('    verify: { level: restore, schedule: "0 3 * * 0", target: shop }\n'));
    await loadText(withDatabase('    verify: { level: restore }\n'));
  });

  it('of drills needs no server for an engine that holds them in a folder', async () => {
    const text = withDatabase().replace(/engine: postgres[\s\S]*$/, 'engine: sqlite\n    path: ./shop.db\n');
    const drills = '    verify: { level: restore, schedule: "0 3 * * 0" }\n';
    assert.equal((await loadText(text + drills)).databases.get('shop')?.verify.level, 'restore');
  });

  it('takes assertions of several lines, and none that is empty', async () => {
    const config = await loadText(
      withDatabase(
        '    verify:\n      assertions:\n        - |\n          SELECT true\n          FROM item\n',
      ),
    );
    assert.deepEqual(config.databases.get('shop')?.verify.assertions, ['SELECT true\nFROM item\n']);
    const problems = await problemsOf(loadText(withDatabase('    verify: { assertions: [" "] }\n')));
    assert.match(problems[0] ?? '', /verify\.assertions\.0: must not be empty/);
  });

  it('is all that loads the parser of schedules', async () => {
    const load = join(import.meta.dirname, 'load-text.ts');
    const loaded = async (more: string): Promise<boolean> => {
      const program = `
        const { loadText, withDatabase } = await import(${JSON.stringify(load)});
        await loadText(withDatabase(${JSON.stringify(more)}));
        console.log(Object.keys(process.getBuiltinModule('module')._cache ?? {}).some((each) => each.includes('cron-parser')));`;
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
      return stdout.trim() === 'true';
    };
    assert.equal(await loaded(''), false);
    assert.equal(await loaded('    verify: { schedule: "0 3 * * 0" }\n'), true);
  });
});
