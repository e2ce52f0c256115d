import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { widthOf } from '../../../../src/producer/cli/output/text.ts';
import { verbs } from '../../../../src/producer/cli/verbs/verbs.ts';
import { writeConfig } from '../../../support/config.ts';
import { withFolder } from '../../../support/folder.ts';
import { runInProcess } from '../../../support/in-process.ts';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const names = verbs.map(({ command }) => command.split(' ')[0] ?? '');

/** The words of every help page. */
const pages: string[][] = [
  [],
  ...verbs.flatMap((each) => {
    const words = [each.command.split(' ')[0] ?? ''];
    const below =
      'verbs' in each ? each.verbs.map((verb) => [...words, verb.command.split(' ')[0] ?? '']) : [];
    return [words, ...below];
  }),
];

describe('help', () => {
  for (const words of pages) {
    const command = ['backupdata', ...words].join(' ');

    it(`of \`${command}\` fits 80 columns, describes every option and lists its exit codes`, () =>
      withFolder(async (path) => {
        const { code, stdout, stderr } = await runInProcess({ path, env: {} }, ...words, '--help');
        assert.deepEqual([code, stderr], [0, '']);
        const lines = stdout.split('\n');
        assert.ok(stdout.startsWith(command), stdout);
        assert.deepEqual(
          lines.filter((line) => widthOf(line) > 80),
          [],
        );
        const bare = lines.filter((line) => /^ {2}(--)?[a-z-]+ +\[(string|boolean|number|array)/.test(line));
        assert.deepEqual(bare, [], 'an option without a description');
        assert.match(
          stdout,
          /\nExit codes:\n {2}0 {4}\S[\s\S]*\n {2}2 {4}\S[\s\S]*\n {2}130 {2}interrupted\n$/,
        );
      }));
  }

  it('of everything names each command once', () =>
    withFolder(async (path) => {
      const { stdout } = await runInProcess({ path, env: {} }, '--help');
      const listed = [...stdout.matchAll(/^ {2}backupdata (\w+)/gm)].map((match) => match[1]);
      assert.deepEqual(listed, [...names, 'completion']);
    }));

  for (const words of [[], ['jobs'], ['config']]) {
    it(`is what \`${['backupdata', ...words].join(' ')}\` alone prints, on stderr, with exit code 2`, () =>
      withFolder(async (path) => {
        const { code, stdout, stderr } = await runInProcess({ path, env: {} }, ...words);
        assert.deepEqual([code, stdout], [2, '']);
        assert.match(stderr, /Commands:[\s\S]*\nerror: name a command\n/);
      }));
  }

  it('is not mixed into the JSON that --json asks for', () =>
    withFolder(async (path) => {
      const { code, stderr } = await runInProcess({ path, env: {} }, 'jobs', '--json');
      assert.equal(code, 2);
      assert.equal(JSON.parse(stderr).error.code, 'USAGE');
    }));
});

describe('the version', () => {
  it('is that of this release, not of the package in the current folder', () =>
    withFolder(async (path) => {
      const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
      await writeFile(join(path, 'package.json'), '{"version":"99.0.0"}');
      const main = join(root, 'src', 'main.ts');
      const { stdout } = await promisify(execFile)(process.execPath, [main, '--version'], { cwd: path });
      assert.equal(stdout, `${version}\n`);
    }));
});

describe('shell completion', () => {
  it('knows every command, and the commands of a group', () =>
    withFolder(async (path) => {
      const complete = (...words: string[]) =>
        runInProcess({ path, env: {} }, '--get-yargs-completions', 'backupdata', ...words);
      assert.deepEqual((await complete('')).stdout.trimEnd().split('\n'), [...names, 'completion']);
      assert.deepEqual((await complete('jobs', '')).stdout.trimEnd().split('\n'), [
        'list',
        'show',
        'cancel',
        'retry',
      ]);
    }));

  it('offers the databases of the configuration where one is to be named', () =>
    withFolder(async (path) => {
      await writeConfig(path, { storages: { main: join(path, 'main') }, databases: { shop: {}, crm: {} } });
      const { stdout } = await runInProcess({ path, env: {} }, ...words);
      assert.deepEqual(stdout.trimEnd().split('\n').slice(0, 2), ['shop', 'crm']);
    }));

  it('offers only what an option may be set to, right after that option', () =>
    withFolder(async (path) => {
      await writeConfig(path, { storages: { main: join(path, 'main') }, databases: { shop: {} } });
      const line = ['backupdata', 'verify', 'shop', '--level', ''];
      const { stdout } = await runInProcess({ path, env: {} }, '--get-yargs-completions', ...line);
      assert.deepEqual(stdout.trimEnd().split('\n'), ['checksum', 'decode', 'restore']);
    }));

  it('says nothing about a configuration that cannot be read', () =>
    withFolder(async (path) => {
      const { code, stderr, stdout } = await runInProcess({ path, env: {} }, ...words);
      assert.deepEqual([code, stderr], [0, '']);
      assert.doesNotMatch(stdout, /error|shop/);
    }));
});

const words = ['--get-yargs-completions', 'backupdata', 'list', ''];
