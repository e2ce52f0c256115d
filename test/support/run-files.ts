import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

export interface FileRun {
  files: readonly string[];
  /** Regular expressions; empty for every test. */
  namePatterns: readonly string[];
  /** Milliseconds for one test. */
  timeout: number;
  signal: AbortSignal;
}

export interface RunResult {
  tests: number;
  /** Milliseconds by file. */
  durations: ReadonlyMap<string, number>;
  /** Why the run does not count as passed, one sentence each. */
  faults: readonly string[];
}

/** Runs the test files, each in a process of its own, two at a time, and prints what they do as they do it. */
export async function runFiles({ files, namePatterns, timeout, signal }: FileRun): Promise<RunResult> {
  const faults: string[] = [];
  const durations = new Map<string, number>();
  let tests = 0;
  const quiet = watchForSilence(timeout + 30_000);
  const stop = AbortSignal.any([signal, quiet.signal]);
  const events = run({ files, testNamePatterns: namePatterns, timeout, signal: stop, concurrency: 2 });
  events.on('data', quiet.postpone);
  events.on('test:pass', ({ name, skip, todo }) => {
    if (isSet(skip)) faults.push(`a test was skipped: ${name}`);
    if (isSet(todo)) faults.push(`a test is still to do: ${name}`);
  });
  events.on('test:summary', ({ file, counts, duration_ms: duration, success }) => {
    if (file !== undefined) {
      durations.set(file, duration);
      return;
    }
    const { passed, skipped, todo } = counts;
    tests = counts.tests;
    if (!success) faults.unshift(`${tests - passed - skipped - todo} of ${tests} tests failed`);
  });
  for await (const text of events.compose(new spec())) process.stdout.write(text);
  quiet.end();
  const silent = files.filter((file) => !durations.has(file)).map((file) => relative('.', file));
  if (tests === 0 || silent.length > 0) faults.push(`no result of ${silent.join(', ') || 'any test'}`);
  return { tests, durations, faults };
}

/** A file that keeps its process alive after its last test would otherwise hold the run for ever. Milliseconds. */
function watchForSilence(limit: number) {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new Error(`nothing happened for ${limit / 1000} s`)),
    limit,
  );
  return { signal: controller.signal, postpone: () => timer.refresh(), end: () => clearTimeout(timer) };
}

/** A mark is `true` or the reason that was given for it. */
function isSet(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false;
}
