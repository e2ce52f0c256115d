import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import { isDatabaseName } from '../../src/shared/ids.ts';
import { assertNoCrash } from '../support/complaint.ts';
import { runInProcess } from '../support/in-process.ts';
import { withInstallation } from '../support/installation.ts';
import { query } from '../support/postgres.ts';

/** Names that would lead elsewhere if any of them became part of a path, a key or a statement. */
const hostile: Record<string, string> = {
  'the folder above': '..',
  'a way up': '../../x',
  'a way up behind a name': 'shop/../../x',
  'an absolute path': '/tmp/backupdata-x',
  'an encoded way up': '..%2f..%2fx',
  'a backslash way up': '..\\..\\x',
  '300 letters': 'x'.repeat(300),
  'a Cyrillic look-alike': 'ѕhop',
  'look-alike dots and slashes': '․․／․․／x',
  'a line break': 'shop\nx',
  'an escape sequence': 'shop\u001b[2J',
  'a right-to-left mark': 'shop\u202ex',
  'a property of every object': '__proto__',
  'a function of every object': 'constructor',
  'an SQL injection': 'shop"; DROP DATABASE shop; --',
  'an id of a way up': '../x-20260102T030405Z-abc234',
  'an id of another kind': 'shop-20260102T030405Z-ABC234',
};

/** What a terminal acts on, but for the line breaks that are ours. */
const actedOn = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

const id = 'shop-20260102T030405Z-abc234';

describe('a hostile name is refused with one sentence and reaches no file outside the storage', () => {
  it('on every command line that takes one', (context) =>
    withInstallation(async (installation) => {
      const { path, stored } = installation;
      const database = await installation.postgres.createDatabase();
      await query(installation.postgres.url(database), 'CREATE TABLE item (id int)');
      await installation.configure({
        databases: { shop: { engine: 'postgres', url: installation.postgres.url(database) } },
      });
      const worker = await installation.start(['worker']);
      const made = await installation.run('backup', 'shop');
      assert.equal(made.code, 0, made.stderr);
      await worker.stop();
      const before = [await everything(path), await stored()];
      const commands: Record<string, (name: string) => string[]> = {
        backup: (name) => ['backup', name],
        list: (name) => ['list', name],
        'list --storage': (name) => ['list', '--storage', name],
        show: (name) => ['show', name],
        'show --storage': (name) => ['show', 'shop', '--storage', name],
        verify: (name) => ['verify', name, '--here'],
        restore: (name) => ['restore', name, '--to', 'shop', '--here'],
        'restore --storage': (name) => ['restore', 'shop', '--to', 'shop', '--here', '--storage', name],
        'restore --to': (name) => ['restore', 'shop', '--to', name, '--here'],
        'restore --to a database': (name) => ['restore', 'shop', '--to', `shop/${name}`, '--here'],
        'restore --table': (name) => ['restore', 'shop', '--to', 'shop', '--here', '--table', name],
        'restore --table of a schema': (name) => [
          'restore',
          'shop',
          '--to',
          'shop',
          '--here',
          '--table',
          `public.${name}`,
        ],
        'jobs show': (name) => ['jobs', 'show', name],
        'jobs cancel': (name) => ['jobs', 'cancel', name],
        'jobs retry': (name) => ['jobs', 'retry', name],
      };
      for (const [command, words] of Object.entries(commands)) {
        await context.test(command, async () => {
          for (const [what, name] of Object.entries(hostile)) {
            const ended = await runInProcess(installation, ...words(name));
            assertRefused(ended, what);
            assert.deepEqual([await everything(path), await stored()], before, what);
          }
        });
      }
    }));

  it('in a configuration, where a NUL is possible too', () =>
    withInstallation(async (installation) => {
      const { path, configure } = installation;
      const shop = { engine: 'postgres', url: 'postgres://localhost/shop' };
      await configure({ databases: { shop } });
      const before = await everything(path);
      for (const [what, name] of Object.entries({ ...hostile, 'a NUL': 'shop\0x' })) {
        if (isDatabaseName(name)) continue;
        const main = { type: 'local', path: installation.backups };
        for (const changes of [
          // A literal `__proto__` would be no key of its own.
          { databases: Object.fromEntries([[name, shop]]) },
          { databases: { shop: { ...shop, storage: name } } },
          { databases: { shop: { ...shop, pool: name } } },
          { databases: { shop }, storages: Object.fromEntries([[name, main]]) },
        ]) {
          await configure(changes);
          const ended = await runInProcess(installation, 'config', 'validate');
          assert.equal(ended.code, 2, `${what}: ${ended.stderr}`);
          assertNoCrash(ended);
          assert.match(ended.stderr, /^error: \S+backupdata\.yaml:\d+:\d+: /, what);
          assert.doesNotMatch(ended.stderr, actedOn, what);
        }
      }
      assert.deepEqual(await everything(path), before);
    }));

  it('in a real process, where a terminal would act on what is printed', () =>
    withInstallation(async (installation) => {
      await installation.configure({
        databases: { shop: { engine: 'postgres', url: 'postgres://localhost/shop' } },
      });
      for (const name of [
        hostile['an escape sequence'],
        hostile['a line break'],
        hostile['a right-to-left mark'],
      ]) {
        for (const words of [
          ['backup', name],
          ['show', name],
          ['restore', id, '--to', name],
          ['jobs', 'show', name],
        ]) {
          const ended = await installation.run(...words.map(String));
          assertRefused(ended, words.join(' '));
        }
      }
    }));

  it('as the key of an object', async () => {
    await withInstallation(async ({ path, backups }) => {
      const storage = await openStorage({ name: 'main', config: { type: 'local', path: backups } });
      const { signal } = new AbortController();
      const before = await everything(path);
      for (const name of Object.values({ ...hostile, 'a NUL': 'shop\0x' }).filter(
        (each) => /[/\\\0]|[^ -~]|^\.\.$|x{300}/.test(each) && each !== hostile['an id of a way up'],
      )) {
        await assert.rejects(storage.get(`shop/${name}/..`, { signal }), { code: 'KEY_INVALID' }, name);
      }
      assert.deepEqual(await everything(path), before);
    });
  });
});

/** Exit 2 or 3, one sentence and one hint, and nothing that a terminal would act on. */
function assertRefused(ended: { code: number | null; stdout: string; stderr: string }, what: string): void {
  assert.ok(ended.code === 2 || ended.code === 3, `${what}: exit ${ended.code}: ${ended.stderr}`);
  assertNoCrash(ended);
  const lines = ended.stderr.trimEnd().split('\n');
  const at = lines.findIndex((line) => line.startsWith('error: '));
  assert.ok(at >= 0, `${what}: ${ended.stderr}`);
  assert.equal(lines.length - at, 2, `${what}: one sentence and one hint: ${ended.stderr}`);
  assert.doesNotMatch(ended.stderr, actedOn, what);
}

/** Every path below the installation's folder and that folder's neighbours of odd names. */
async function everything(path: string): Promise<string[]> {
  const inside = await readdir(path, { recursive: true });
  const outside = (await readdir(join(path, '..'))).filter(
    (name) => name === 'x' || name.startsWith('backupdata-x'),
  );
  return [...inside, ...outside].sort();
}
