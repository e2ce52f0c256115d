import assert from 'node:assert/strict';
import { type ErrorCode, type ErrorDocument, exitCodeOf } from '../../src/shared/errors.ts';
import type { CommandResult } from './installation.ts';

type Ended = Omit<CommandResult, 'json'>;

/** How a command must have failed. */
export interface Complaint {
  code: ErrorCode;
  message: RegExp;
  hint?: RegExp;
}

/** The command failed as people should see it: its exit code, one line that says what is wrong, one that says what to do. */
export function assertComplaint(result: Ended, { code, message, hint = /^[A-Z`].*[.?)]$/ }: Complaint): void {
  assertNoCrash(result);
  assert.equal(result.code, exitCodeOf(code), result.stderr);
  const lines = result.stderr.trimEnd().split('\n');
  const at = lines.findIndex((line) => line.startsWith('error: '));
  assert.equal(lines.filter((line) => line.startsWith('error: ')).length, 1, result.stderr);
  assert.match(lines[at] ?? '', message);
  assert.deepEqual(lines.slice(at + 1).length, 1, `one sentence and one hint: ${result.stderr}`);
  assert.match(lines[at + 1] ?? '', hint);
  assert.equal(result.stdout, '');
}

/** The same with --json: every line of stderr is JSON, and exactly one is the error. */
export function assertJsonComplaint(result: Ended, { code, message }: Complaint): ErrorDocument {
  assertNoCrash(result);
  assert.equal(result.code, exitCodeOf(code), result.stderr);
  const lines = result.stderr.trimEnd().split('\n');
  const errors = lines
    .map((line) => JSON.parse(line) as { error?: ErrorDocument })
    .flatMap((line) => line.error ?? []);
  assert.equal(errors.length, 1, result.stderr);
  const [error] = errors as [ErrorDocument];
  assert.deepEqual(Object.keys(error), ['code', 'message', 'hint', 'retryable']);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  assert.ok(error.hint, 'what to do next');
  if (result.stdout !== '') JSON.parse(result.stdout);
  return error;
}

/** Nothing of the program's insides, whatever the command did. */
export function assertNoCrash({ code, stdout, stderr }: Ended): void {
  assert.notEqual(code, null, 'it was killed');
  for (const text of [stdout, stderr]) {
    assert.doesNotMatch(text, /^ {2,}at /m);
    assert.doesNotMatch(
      text,
      /\bundefined\b|\[object |\w*Error: |node:internal|\bE(NOENT|PIPE|ACCES|ISDIR|NOTDIR|NOSPC|CONN[A-Z]+): /,
    );
  }
}
