import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { missingCephPrograms, startCeph, urlOf } from './ceph.ts';
import { endProcesses, lingeringProcesses, type RunMark } from './leaks.ts';
import { startMariadb } from './mariadb.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';
import { type FileRun, type RunResult, runFiles } from './run-files.ts';

interface Workspace extends RunMark {
  /** TMPDIR of every test; must be empty at the end. */
  temporary: string;
  /** The file that every Node process of the run writes its warnings to. */
  warnings: string;
}

/**
 * `node test/support/run.ts [FILE or DIRECTORY].. [--test-name-pattern=REGEX].. [--test-timeout=MILLISECONDS]`
 *
 * Starts the servers that tests share, runs the test files, and holds the run to more than its tests: nothing
 * skipped, no warning of a Node process, no process and no temporary file left behind.
 */
async function main(args: readonly string[]): Promise<number> {
  const { paths, ...options } = readArguments(args);
  const { files, withCeph, withoutCeph } = await cephFiles(await testFiles(paths));
  const signal = interruption();
  const workspace = await openWorkspace();
  try {
    const needs = { ceph: withCeph, mariadb: await needMariadb(files) };
    const result = await withServers(needs, () => runFiles({ files, signal, ...options }));
    const faults = [...result.faults, ...(await leftBehind(workspace))];
    report(result, faults);
    if (withoutCeph.length > 0)
      process.stdout.write(`Not run, for want of Ceph on ${process.platform}: ${withoutCeph.join(', ')}\n`);
    if (signal.aborted) return 130;
    return faults.length === 0 ? 0 : 1;
  } finally {
    await endProcesses(workspace);
    await rm(workspace.directory, { recursive: true, force: true });
  }
}

type Arguments = Pick<FileRun, 'namePatterns' | 'timeout'> & { paths: readonly string[] };

function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: args.filter((each) => each !== '--'),
    allowPositionals: true,
    options: {
      'test-name-pattern': { type: 'string', multiple: true, default: [] },
      'test-timeout': { type: 'string', default: '180000' },
    },
  });
  const timeout = Number(values['test-timeout']);
  return { paths: positionals, namePatterns: values['test-name-pattern'], timeout };
}

/** Every test file of the paths; without any, of the whole project, the quick ones first. */
async function testFiles(paths: readonly string[]): Promise<string[]> {
  const all = ['unit', 'conformance', 'integration', 'fault'].map((kind) => join('test', kind));
  const files = await Promise.all((paths.length > 0 ? paths : all).map(testFilesBelow));
  return [...new Set(files.flat())];
}

async function testFilesBelow(path: string): Promise<string[]> {
  if (path.endsWith('.ts')) return [resolve(path)];
  const entries = await readdir(path, { recursive: true });
  const files = entries.filter((entry) => entry.endsWith('.test.ts'));
  return files.sort().map((file) => resolve(path, file));
}

function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort(new Error(`interrupted by ${signal}`)));
  }
  return controller.signal;
}

/** Every process that is started from here on inherits the run's environment. */
async function openWorkspace(): Promise<Workspace> {
  const directory = await mkdtemp(join(await realpath(tmpdir()), 'backupdata-run-'));
  const temporary = join(directory, 'tmp');
  const warnings = join(directory, 'warnings.log');
  await mkdir(temporary);
  // A PostgreSQL that is started by root runs as another user, who must reach its data.
  await chmod(directory, 0o711);
  const run = basename(directory);
  process.env.BACKUPDATA_TEST_RUN = run;
  process.env.TMPDIR = temporary;
  // Hundreds of processes load the same sources: that is half of what a short command takes.
  process.env.NODE_COMPILE_CACHE = join(directory, 'compiled');
  process.env.NODE_OPTIONS = `--unhandled-rejections=strict --trace-warnings "--redirect-warnings=${warnings}"`;
  return { directory, temporary, warnings, variable: `BACKUPDATA_TEST_RUN=${run}` };
}

/**
 * Which files need Ceph: those that import of `support/` what is named `ceph…` or `s3…`. There are packages of it for Linux only;
 * elsewhere these files cannot run, and the report names them.
 */
async function cephFiles(
  all: readonly string[],
): Promise<{ files: readonly string[]; withCeph: boolean; withoutCeph: readonly string[] }> {
  const texts = await Promise.all(all.map((file) => readFile(file, 'utf8')));
  const needing = all.filter((_, index) => /\/support\/(ceph|s3)[\w-]*\.ts'/.test(texts[index] ?? ''));
  const cannot = process.platform !== 'linux' && (await missingCephPrograms()).length > 0;
  if (!cannot) return { files: all, withCeph: needing.length > 0, withoutCeph: [] };
  const withoutCeph = needing.map((file) => relative('.', file));
  return { files: all.filter((file) => !needing.includes(file)), withCeph: false, withoutCeph };
}

/** Whether one of the files imports of `support/` what is named `mariadb…`. */
async function needMariadb(files: readonly string[]): Promise<boolean> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return texts.some((text) => /\/support\/mariadb[\w-]*\.ts'/.test(text));
}

/**
 * The servers that tests share: their administrators' URLs in BACKUPDATA_TEST_PG, BACKUPDATA_TEST_REDIS,
 * BACKUPDATA_TEST_MARIADB and BACKUPDATA_TEST_S3.
 */
function withServers<T>(needs: { ceph: boolean; mariadb: boolean }, use: () => Promise<T>): Promise<T> {
  return withReleases(async (releases) => {
    const redis = await startRedis();
    releases.push(redis.stop);
    const postgres = await startPostgres();
    releases.push(postgres.stop);
    process.env.BACKUPDATA_TEST_REDIS = redis.url;
    process.env.BACKUPDATA_TEST_PG = postgres.adminUrl;
    if (needs.mariadb) {
      const mariadb = await startMariadb();
      releases.push(mariadb.stop);
      process.env.BACKUPDATA_TEST_MARIADB = mariadb.adminUrl;
    }
    if (needs.ceph) {
      const ceph = await startCeph();
      releases.push(ceph.stop);
      process.env.BACKUPDATA_TEST_S3 = urlOf(ceph);
    }
    return use();
  });
}

async function leftBehind({ temporary, warnings, ...mark }: Workspace): Promise<string[]> {
  const processes = await lingeringProcesses(mark, 3_000);
  if (processes === undefined) process.stdout.write('Processes left behind are looked for on Linux only.\n');
  const entries = await readdir(temporary);
  const warned = await readFile(warnings, 'utf8').catch(() => '');
  return [
    ...(processes ?? []).map(({ pid, command }) => `process ${pid} is still alive: ${command}`),
    ...entries.filter((name) => !keptByNode.has(name)).map((name) => `a temporary file was left: ${name}`),
    ...(warned === '' ? [] : [`a Node process warned:\n${warned}`]),
  ];
}

/** The compile cache of modules, which is meant to outlive a process. */
const keptByNode = new Set(['node-compile-cache']);

function report({ tests, durations }: RunResult, faults: readonly string[]): void {
  const slowest = [...durations].sort(([, a], [, b]) => b - a).slice(0, 10);
  const lines = slowest.map(([file, duration]) => `${seconds(duration).padStart(8)}  ${relative('.', file)}`);
  const time = seconds(performance.now());
  const verdict =
    faults.length === 0
      ? `${durations.size} files in ${time}:\n${tests} passed, 0 failed`
      : `FAILED after ${time}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`;
  process.stdout.write(`\nSlowest of ${durations.size} files:\n${lines.join('\n')}\n\n${verdict}\n`);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

process.exitCode = await main(process.argv.slice(2));
