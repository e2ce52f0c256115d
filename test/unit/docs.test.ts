import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { runEventSchema } from '../../src/shared/queues/run-event.ts';
import { loadText } from './shared/config/load-text.ts';

const root = join(import.meta.dirname, '..', '..');
const pages = await markdownFiles();

describe('the documentation', () => {
  for (const page of pages) {
    it(`${page} links to files that exist`, async () => {
      const links = linksOf(await readFile(join(root, page), 'utf8'));
      assert.deepEqual(await missing(links.map((link) => join(dirname(page), link))), []);
    });

    it(`${page} names files of this repository that exist`, async () => {
      assert.deepEqual(await missing(pathsOf(await readFile(join(root, page), 'utf8'))), []);
    });
  }

  it('is looked at as a whole', () => {
    for (const page of ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'docs/format.md'])
      assert.ok(pages.includes(page), page);
  });

  it('shows a configuration in README.md that loads', async () => {
    const [text = '', ...others] = await yamlOf('README.md');
    assert.deepEqual(others, []);
    const config = await loadText(text, given);
    assert.equal(config.databases.get('shop')?.verify.target, 'lab');
  });

  it('shows storages in docs/storages.md that load', async () => {
    const entries = await yamlOf('docs/storages.md');
    assert.ok(entries.length >= 4, String(entries));
    for (const entry of entries) {
      const [name = ''] = entry.split(':');
      const storages = `storages:\n${entry.replaceAll(/^/gm, '  ')}`;
      const text = `${storages}\ndatabases: { shop: { engine: postgres, url: "\${SHOP_URL}" } }\n`;
      assert.deepEqual([...(await loadText(text, given)).storages.keys()], [name]);
    }
  });

  it('shows a whole server in docs/servers.md that loads', async () => {
    const [entry = '', ...others] = await yamlOf('docs/servers.md');
    assert.deepEqual(others, []);
    const storages = 'storages: { main: { type: local, path: backups } }';
    const text = `${storages}\ndatabases:\n${entry.replaceAll(/^/gm, '  ')}`;
    const config = await loadText(text.replace('MAIN_URL', 'SHOP_URL'), given);
    assert.deepEqual(config.servers.get('main')?.exclude, ['*_scratch']);
  });

  it('shows a schedule in docs/schedules.md that loads', async () => {
    const [entry = '', ...others] = await yamlOf('docs/schedules.md');
    assert.deepEqual(others, []);
    const storages = 'storages: { main: { type: local, path: backups } }';
    const config = await loadText(`${storages}\ndatabases:\n${entry.replaceAll(/^/gm, '  ')}`, given);
    assert.equal(config.databases.get('shop')?.spread, 1_200_000);
  });

  it('shows notifiers in docs/notifications.md that load, and an event as it is', async () => {
    const [entry = '', ...others] = await yamlOf('docs/notifications.md');
    assert.deepEqual(others, []);
    const text = `storages: { main: { type: local, path: backups } }
databases: { shop: { engine: postgres, url: "\${SHOP_URL}" } }
${entry}`;
    const config = await loadText(text, given);
    assert.deepEqual([...config.notifiers.keys()], ['ops', 'audit', 'mail', 'checks']);
    const page = await readFile(join(root, 'docs', 'notifications.md'), 'utf8');
    const [, json = ''] = /^```json\n([\s\S]*?)\n```$/m.exec(page) ?? [];
    const event: unknown = JSON.parse(json);
    assert.deepEqual(runEventSchema.parse(event), event);
  });

  it('names every environment variable that the configuration reads', async () => {
    const page = await readFile(join(root, 'docs', 'configuration.md'), 'utf8');
    const { stdout } = await promisify(execFile)(
      'git',
      ['grep', '-hoE', "(read|setOrUndefined)\\((env, )?'[A-Z_]+'", '--', 'src/shared/config'],
      { cwd: root },
    );
    const names = [...stdout.matchAll(/'([A-Z_]+)'/g)].map((match) => match[1] ?? '');
    assert.ok(names.includes('REDIS_URL') && names.includes('DATABASE_URL'), stdout);
    assert.deepEqual(
      names.filter((name) => !page.includes(`\`${name}\``)),
      [],
    );
  });
});

const identity = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX';

/** Whatever the pages refer to. */
const given = {
  env: {
    SHOP_URL: 'postgres://h/shop',
    LAB_URL: 'postgres://h/lab',
    AWS_ACCESS_KEY_ID: 'key',
    GCS_KEY: 'key',
    GCS_SECRET: 'secret',
    SLACK_WEBHOOK_URL: 'https://hooks.example.com/T/B/C',
    SMTP_USER: 'mailer',
    SMTP_PASSWORD: 'password',
    PING_KEY: 'key',
  },
  files: {
    '/run/secrets/azure': 'c2VjcmV0\n',
    '/run/secrets/aws': 'secret\n',
    '/run/secrets/audit': 'secret\n',
    '/run/secrets/age.key': `${identity}\n`,
  },
};

async function yamlOf(page: string): Promise<string[]> {
  const markdown = await readFile(join(root, page), 'utf8');
  return [...markdown.matchAll(/^```yaml\n([\s\S]*?)\n```$/gm)].map((match) => match[1] ?? '');
}

/** Those that are in the repository, or are about to be. */
async function markdownFiles(): Promise<string[]> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'];
  const { stdout } = await promisify(execFile)('git', args, { cwd: root });
  return stdout.split('\0').filter((path) => path !== '');
}

/** Targets of links to files, without the place in them. */
function linksOf(markdown: string): string[] {
  const targets = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return targets.filter((target) => !/^[a-z]+:|^#/.test(target)).map((target) => target.replace(/#.*$/, ''));
}

/** What stands in code quotes and is a path from the root of the repository. */
function pathsOf(markdown: string): string[] {
  const quoted = [...markdown.matchAll(/`([^`\s]+)`/g)].map((match) => match[1] ?? '');
  return quoted.filter((text) => /^(src|test|script|docs|bench)\/[\w./-]+$/.test(text));
}

async function missing(paths: readonly string[]): Promise<string[]> {
  const absent = await Promise.all(
    paths.map((path) =>
      access(join(root, path)).then(
        () => false,
        () => true,
      ),
    ),
  );
  return paths.filter((_, index) => absent[index]);
}
