import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createClientToolsFinder } from '../../../../../src/pipeline/engine/postgres/tools.ts';
import { createTools } from '../../../../../src/pipeline/process/tools.ts';
import { withFolder } from '../../../../support/folder.ts';
import { engineContext } from '../../../../support/postgres-backup.ts';
import { clientPrograms, installClientTools } from '../../../../support/postgres-tools.ts';

function contextWith(...only: string[]) {
  return engineContext({ tools: createTools({ path: '', only }) });
}

const server = (atLeast: number) => ({ atLeast, because: `the server is PostgreSQL ${atLeast}` });

async function timesAsked(folder: string): Promise<number> {
  return (await readFile(join(folder, 'asked'), 'utf8')).trim().split('\n').length;
}

describe('the PostgreSQL client tools', () => {
  it('are the lowest that are as new as the server, all from one directory', () =>
    withFolder(async (root) => {
      const [old, fit, newer] = [
        await installClientTools(join(root, 'a'), '14.2'),
        await installClientTools(join(root, 'b'), '16.1 (Debian 16.1-1)'),
        await installClientTools(join(root, 'c'), '17beta1'),
      ];
      const finder = createClientToolsFinder();
      const context = contextWith(newer, old, fit);
      const found = await finder.choose(server(15), context);
      assert.deepEqual(found, {
        major: 16,
        version: '16.1',
        pgDump: join(fit, 'pg_dump'),
        pgDumpall: join(fit, 'pg_dumpall'),
        pgRestore: join(fit, 'pg_restore'),
        psql: join(fit, 'psql'),
      });
      const all = await finder.installed(context);
      assert.deepEqual(
        all.map(({ version }) => version),
        ['14.2', '16.1', '17beta1'],
      );
      assert.equal((await finder.choose(server(14), context)).major, 14);
      assert.deepEqual((await finder.choose(server(17), context)).version, '17beta1');
    }));

  it('are refused as too old, with what to install', () =>
    withFolder(async (root) => {
      const [one, other] = [
        await installClientTools(join(root, 'a'), '14.2'),
        await installClientTools(join(root, 'b'), '15.18'),
      ];
      await assert.rejects(createClientToolsFinder().choose(server(17), contextWith(one, other)), {
        code: 'TOOL_TOO_OLD',
        message: 'the server is PostgreSQL 17, the newest pg_dump here is 15',
        hint: /apt-get install postgresql-client-17.*brew install postgresql@17/,
      });
    }));

  it('are missing where a directory lacks one of them, or pg_dump does not work', () =>
    withFolder(async (root) => {
      const incomplete = await installClientTools(join(root, 'a'), '17.0', {
        programs: ['pg_dump', 'pg_dumpall', 'psql'],
      });
      const broken = await installClientTools(join(root, 'b'), '17.0');
      await writeFile(join(broken, 'pg_dump'), '#!/bin/sh\nexit 127\n');
      await assert.rejects(createClientToolsFinder().choose(server(15), contextWith(incomplete, broken)), {
        code: 'TOOL_MISSING',
        hint: /apt-get install postgresql-client-15.*brew install postgresql@15/,
      });
    }));

  it('are never those of a wrapper', () =>
    withFolder(async (root) => {
      const wrapped = await installClientTools(join(root, 'real'), '17.0', { programs: ['pg_wrapper'] });
      const links = join(root, 'bin');
      await mkdir(links);
      for (const name of clientPrograms) await symlink(join(wrapped, 'pg_wrapper'), join(links, name));
      await assert.rejects(createClientToolsFinder().choose(server(15), contextWith(links)), {
        code: 'TOOL_MISSING',
      });
    }));

  it('are asked for their version once, and again when they were replaced', () =>
    withFolder(async (root) => {
      const folder = await installClientTools(join(root, 'a'), '15.1');
      const finder = createClientToolsFinder();
      for (let turn = 0; turn < 3; turn += 1) await finder.choose(server(15), contextWith(folder));
      assert.equal(await timesAsked(folder), 1);
      await installClientTools(folder, '16.11');
      await utimes(join(folder, 'pg_dump'), 1_000, 1_000);
      assert.equal((await finder.choose(server(15), contextWith(folder))).version, '16.11');
      assert.equal(await timesAsked(folder), 2);
    }));
});
