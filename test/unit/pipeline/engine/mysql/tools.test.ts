import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { dumpArguments } from '../../../../../src/pipeline/engine/mysql/plan.ts';
import { createClientToolsFinder } from '../../../../../src/pipeline/engine/mysql/tools.ts';
import { knowsSandbox, readVersion } from '../../../../../src/pipeline/engine/mysql/version.ts';
import { createTools } from '../../../../../src/pipeline/process/tools.ts';
import { withFolder } from '../../../../support/folder.ts';
import { engineContext } from '../../../../support/postgres-backup.ts';

/** What the programs say of themselves, by what is to be read in it. */
const sayings: Record<string, string> = {
  'mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)': 'mariadb 10.11.19',
  'mariadb  Ver 15.1 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64) using  EditLine wrapper':
    'mariadb 10.11.19',
  'mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux (x86_64)': 'mariadb 11.4.2',
  'mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)': 'mysql 8.0.36',
  'mysql  Ver 8.4.0 for macos14.2 on arm64 (Homebrew)': 'mysql 8.4.0',
  'mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)': 'mysql 5.7.44',
};

async function install(folder: string, dump: string, client: string): Promise<string> {
  await mkdir(folder);
  const names = /MariaDB/.test(dump) ? ['mariadb-dump', 'mariadb'] : ['mysqldump', 'mysql'];
  for (const [name, says] of [[names[0], dump] as const, [names[1], client] as const])
    await writeFile(join(folder, String(name)), `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 });
  return folder;
}

describe('the client programs of MySQL and MariaDB', () => {
  it('are told apart by what they say of themselves', () => {
    for (const [says, expected] of Object.entries(sayings)) {
      const read = readVersion(says);
      assert.equal(`${read?.flavour} ${read?.version}`, expected);
    }
    assert.equal(readVersion('command not found'), undefined);
  });

  it("are the server's own, the lowest that are as new", () =>
    withFolder(async (root) => {
      const maria = (version: string) => `mariadb-dump  Ver 10.19 Distrib ${version}-MariaDB, for Linux`;
      const only = [
        await install(join(root, 'a'), maria('11.4.2'), maria('11.4.2')),
        await install(join(root, 'b'), maria('10.6.18'), maria('10.6.18')),
        await install(join(root, 'c'), 'mysqldump  Ver 8.0.36 for Linux', 'mysql  Ver 8.0.36 for Linux'),
      ];
      const context = engineContext({ tools: createTools({ path: '', only }) });
      const finder = createClientToolsFinder();
      const choose = (flavour: 'mysql' | 'mariadb', atLeast: string) =>
        finder.choose({ flavour, atLeast, because: 'the server is new' }, context);
      assert.equal((await choose('mariadb', '10.6.21-MariaDB')).version, '10.6.18');
      assert.equal((await choose('mariadb', '10.11.2-MariaDB')).version, '11.4.2');
      assert.equal((await choose('mysql', '5.7.40')).dump, join(root, 'c', 'mysqldump'));
      await assert.rejects(choose('mysql', '8.4.0'), { code: 'TOOL_TOO_OLD', message: /here is 8\.0\.36/ });
      assert.equal((await finder.any('mariadb', context)).version, '11.4.2');
      const none = engineContext({ tools: createTools({ path: '', only: [] }) });
      await assert.rejects(
        createClientToolsFinder().choose({ flavour: 'mysql', atLeast: '8.0', because: 'x' }, none),
        { code: 'TOOL_MISSING' },
      );
    }));

  it('are told only what they know', () => {
    const has = (flavour: 'mysql' | 'mariadb', version: string, argument: string) =>
      dumpArguments({ flavour, version }).includes(argument);
    assert.deepEqual(
      ['--set-gtid-purged=OFF', '--column-statistics=0'].map((each) => [
        has('mariadb', '11.4.2', each),
        has('mysql', '5.7.44', each),
        has('mysql', '8.0.36', each),
      ]),
      [
        [false, true, true],
        [false, false, true],
      ],
    );
  });

  it('know the sandbox line since the same day, in each series', () => {
    const knows = (version: string) => knowsSandbox({ flavour: 'mariadb', version });
    assert.ok(['10.5.25', '10.6.18', '10.11.19', '11.4.2', '11.5.0', '12.0.1'].every(knows));
    assert.ok(!['10.4.34', '10.5.24', '10.11.7', '11.3.9', '11.4.1'].some(knows));
    assert.ok(!knowsSandbox({ flavour: 'mysql', version: '8.4.0' }));
  });
});
