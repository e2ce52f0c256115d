import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

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
