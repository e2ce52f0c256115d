import { lstat, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SourceOf } from '../../src/shared/config/schema.ts';
import { filesBelow, withFolder } from '../support/folder.ts';
import { until } from '../support/until.ts';
import type { EngineSubject } from './engine/subject.ts';
import { engineSuite } from './engine-suite.ts';

engineSuite({
  name: 'command',
  withSubject: (use) => withFolder((folder) => use(subjectIn(folder))),
});

let count = 0;

/** A folder and its tar, as docs/engines/command.md has it. */
function subjectIn(folder: string): EngineSubject {
  const newFolder = async (): Promise<string> => {
    count += 1;
    const path = join(folder, `tree-${count}`);
    await mkdir(path);
    return path;
  };
  return {
    createSource: async () => {
      const path = await newFolder();
      await plant(path);
      return sourceOf(path);
    },
    createTarget: async () => {
      const path = await newFolder();
      const source = sourceOf(path);
      return { target: { source, database: path }, options: { confirm: path }, source, confirm: path };
    },
    describe: (source) => describeTree(pathOf(source as SourceOf<'command'>)),
    // Files have no transactions.
    writers: null,
    refusals: [
      {
        what: 'a program that is not there',
        source: async () => ({ ...sourceOf(folder), dump: ['no-such-program'] }),
        code: 'TOOL_MISSING',
        message: /the program no-such-program of the configuration is not there/,
      },
      {
        what: 'a source that says that it is not ready',
        source: async () => ({ ...sourceOf(folder), inspect: ['ls', join(folder, 'nowhere')] }),
        code: 'DATABASE_UNREACHABLE',
        message: /inspect program of shop .* exited with code 2: .*nowhere/,
      },
      {
        what: 'a dump program that fails',
        source: async () => sourceOf(join(folder, 'nowhere')),
        code: 'DUMP_FAILED',
        message: /tar exited with code 2/,
      },
      {
        what: 'a dump program that writes nothing',
        source: async () => ({ ...sourceOf(folder), dump: ['true'] }),
        code: 'DUMP_EMPTY',
        message: /its output is empty/,
      },
      {
        what: 'a dump that does not end as it should',
        source: async () => ({ ...sourceOf(folder), trailer: '-- done' }),
        code: 'DUMP_FAILED',
        message: /does not end with the trailer "-- done"/,
      },
    ],
    createInterruptible: async () => {
      const [begun, pid] = [join(folder, 'begun'), join(folder, 'pid')];
      const dump = ['sh', '-c', `echo $$ > ${pid}; echo begun; : > ${begun}; exec sleep 1000`];
      return {
        source: { ...sourceOf(folder), dump },
        started: () => until('the dump begins', async () => (await filesBelow(folder)).includes('begun')),
        kill: async () => {
          process.kill(Number(await readFile(pid, 'utf8')), 'SIGKILL');
        },
        code: 'DUMP_FAILED',
      };
    },
    checksItself: true,
  };
}

function sourceOf(path: string): SourceOf<'command'> {
  return {
    engine: 'command',
    dump: ['tar', '--create', '--blocking-factor=1', `--directory=${path}`, '.'],
    restore: ['tar', '--extract', '--preserve-permissions', '--directory={target}'],
    inspect: ['tar', '--version'],
    // `tar --list` takes an archive for whole that was cut between two members.
    check: [
      'sh',
      '-c',
      '{ tar --list --block-number || echo failed; } | tail -n 1 | grep -q "^block [0-9]*: [*][*] Block of NULs [*][*]$"',
    ],
    extension: 'tar',
    environment: {},
  };
}

function pathOf({ dump }: SourceOf<'command'>): string {
  return dump.find((argument) => argument.startsWith('--directory='))?.slice('--directory='.length) ?? '';
}

async function plant(path: string): Promise<void> {
  await mkdir(join(path, 'deep', 'er'), { recursive: true });
  await writeFile(
    join(path, 'deep', 'er', 'bytes'),
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  );
  await writeFile(join(path, 'program'), '#!/bin/sh\n', { mode: 0o750 });
  await writeFile(join(path, "odd 'name\n é"), 'x'.repeat(200_000));
  await writeFile(join(path, 'empty'), '');
  // By far the largest: an archive that is cut somewhere is cut in here, and ends with zeros as a whole one does.
  await writeFile(join(path, 'zeros'), Buffer.alloc(4_000_000));
  await symlink('deep/er', join(path, 'link'));
}

/** Every file by its name: what it is, its mode, and what is in it. */
async function describeTree(path: string): Promise<Record<string, string>> {
  const names = [...(await filesBelow(path)), 'link', 'deep', 'deep/er'];
  const entries = names.map(async (name) => {
    const stats = await lstat(join(path, name));
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isSymbolicLink()) return [name, `link ${await readlink(join(path, name))}`];
    const content = stats.isFile() ? await readFile(join(path, name), 'base64') : 'folder';
    return [name, `${mode} ${content}`];
  });
  return Object.fromEntries(await Promise.all(entries));
}
