import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';

const root = join(import.meta.dirname, '..', '..');
const biome = join(root, 'node_modules', '.bin', 'biome');

const empty = 'export const a = 1;\n';
const use = (path: string) => `import { a } from '${path}';\n\nexport const b = a;\n`;

/** Files that keep the rules: imports in the allowed direction. */
const kept: Record<string, string> = {
  'src/main.ts': "import './producer/cli/fine.ts';\nimport './worker/fine.ts';\n",
  'src/shared/fine.ts': empty,
  'src/pipeline/fine.ts': `import './storage/fine.ts';\n${use('./engine/fine.ts')}`,
  'src/pipeline/process/fine.ts': empty,
  'src/pipeline/engine/engine.ts': use('../../shared/fine.ts'),
  'src/pipeline/engine/fine.ts': use('../process/fine.ts'),
  'src/pipeline/engine/postgres/fine.ts': use('../engine.ts'),
  'src/pipeline/codec/fine.ts': empty,
  'src/pipeline/storage/fine.ts': empty,
  'src/worker/fine.ts': use('../pipeline/fine.ts'),
  'src/producer/cli/fine.ts': use('../../pipeline/fine.ts'),
  'test/support/fine.ts': use('../../src/worker/fine.ts'),
};

/** Files that each break one rule. */
const broken: Record<string, { rule: string; text: string }> = {
  'src/shared/up.ts': { rule: 'noRestrictedImports', text: use('../pipeline/fine.ts') },
  'src/shared/type.ts': {
    rule: 'noRestrictedImports',
    text: "export type { b } from '../worker/fine.ts';\n",
  },
  'src/shared/tested.ts': { rule: 'noRestrictedImports', text: use('../../test/support/fine.ts') },
  'src/pipeline/up.ts': { rule: 'noRestrictedImports', text: use('../worker/fine.ts') },
  'src/pipeline/across.ts': { rule: 'noRestrictedImports', text: use('../producer/cli/fine.ts') },
  'src/pipeline/queue.ts': { rule: 'noRestrictedImports', text: use('bullmq') },
  'src/pipeline/redis.ts': { rule: 'noRestrictedImports', text: "export const b = import('ioredis');\n" },
  'src/pipeline/line.ts': { rule: 'noRestrictedImports', text: use('yargs/helpers') },
  'src/pipeline/board.ts': { rule: 'noRestrictedImports', text: use('@bull-board/api') },
  'src/pipeline/process/home.ts': { rule: 'noRestrictedImports', text: use('node:process') },
  'src/pipeline/process/env.ts': { rule: 'noProcessEnv', text: 'export const b = process.env.HOME;\n' },
  'src/pipeline/engine/http.ts': { rule: 'noRestrictedImports', text: use('express') },
  'src/pipeline/engine/env.ts': { rule: 'noProcessEnv', text: 'export const b = process.env.HOME;\n' },
  'src/pipeline/engine/side.ts': { rule: 'noRestrictedImports', text: use('../storage/fine.ts') },
  'src/pipeline/engine/deep/side.ts': { rule: 'noRestrictedImports', text: use('../../codec/fine.ts') },
  'src/pipeline/codec/side.ts': { rule: 'noRestrictedImports', text: use('../engine/fine.ts') },
  'src/pipeline/codec/up.ts': { rule: 'noRestrictedImports', text: use('../../worker/fine.ts') },
  'src/pipeline/storage/side.ts': { rule: 'noRestrictedImports', text: use('../codec/fine.ts') },
  'src/worker/across.ts': { rule: 'noRestrictedImports', text: use('../producer/cli/fine.ts') },
  'src/worker/top.ts': { rule: 'noRestrictedImports', text: use('../main.ts') },
  'src/producer/across.ts': { rule: 'noRestrictedImports', text: use('../worker/fine.ts') },
  'src/producer/cli/across.ts': { rule: 'noRestrictedImports', text: use('../../worker/fine.ts') },
  'src/shared/ring.ts': { rule: 'noImportCycles', text: use('./ring-back.ts') },
  'src/shared/ring-back.ts': {
    rule: 'noImportCycles',
    text: "import type { b } from './ring.ts';\n\nexport const a: typeof b = 1;\n",
  },
  'src/shared/default.ts': { rule: 'noDefaultExport', text: 'export default 1;\n' },
  'src/shared/barrel.ts': { rule: 'noBarrelFile', text: "export * from './fine.ts';\n" },
  'test/support/skipped.ts': {
    rule: 'noSkippedTests',
    text: "import { it } from 'node:test';\n\nit.skip('waits', () => {});\n",
  },
};

describe('the linter', () => {
  let directory = '';
  let found = new Map<string, string[]>();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'architecture-'));
    await writeProject(directory);
    found = await lint(directory);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  for (const [path, { rule }] of Object.entries(broken)) {
    it(`refuses ${path} by ${rule}`, () => {
      assert.ok(found.get(path)?.includes(rule), `found only: ${found.get(path)?.join(', ') ?? 'nothing'}`);
    });
  }

  it('finds nothing in files that import in the allowed direction', () => {
    assert.deepEqual(
      Object.keys(kept).flatMap((path) => found.get(path) ?? []),
      [],
    );
  });
});

/** A small project that is linted by this project's own configuration. */
async function writeProject(directory: string): Promise<void> {
  const texts = {
    ...kept,
    ...Object.fromEntries(Object.entries(broken).map(([path, { text }]) => [path, text])),
  };
  for (const [path, text] of Object.entries(texts)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  await copyFile(join(root, 'biome.json'), join(directory, 'biome.json'));
  await copyFile(join(root, '.gitignore'), join(directory, '.gitignore'));
}

const report = z.object({
  diagnostics: z.array(z.object({ category: z.string(), location: z.object({ path: z.string() }) })),
});

/** The names of the rules that each file breaks, by its path. */
async function lint(directory: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const { category, location } of report.parse(JSON.parse(await runBiome(directory))).diagnostics) {
    const rules = found.get(location.path) ?? [];
    found.set(location.path, [...rules, category.split('/').at(-1) ?? category]);
  }
  return found;
}

function runBiome(directory: string): Promise<string> {
  const args = ['lint', '--reporter=json', '--max-diagnostics=none', '.'];
  return new Promise((resolve, reject) => {
    execFile(biome, args, { cwd: directory }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`biome printed no report: ${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
}
