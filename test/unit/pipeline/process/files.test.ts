import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { capture } from '../../../../src/pipeline/process/capture.ts';
import { startStages } from '../../../../src/pipeline/process/run.ts';
import type { Stage } from '../../../../src/pipeline/process/stage.ts';
import { withUnnamedFiles } from '../../../../src/pipeline/process/unnamed-files.ts';
import { Secret } from '../../../../src/shared/secret.ts';

const signal = new AbortController().signal;
const limits = { signal, maxBytes: 1 << 22 };
const [first, second] = [new Secret('canary one\n'), new Secret('canary two\n')];

function shell(source: string, files: readonly Secret[] = [first, second]): Stage {
  return { program: '/bin/sh', args: ['-c', source], env: { PATH: '/usr/bin:/bin' }, files };
}

describe('the files of a stage', () => {
  it('are read by the program as /dev/fd/3 and so on, as often as it likes', async () => {
    const { code, stdout, stderr } = await capture(
      shell('cat /dev/fd/4 /dev/fd/3; cat <&3; cat /dev/fd/3'),
      limits,
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout.toString(), 'canary two\ncanary one\ncanary one\ncanary one\n');
  });

  it('reach every program of a pipeline that has some, and no other', async () => {
    const running = await startStages({
      stages: [
        shell('cat /dev/fd/3', [first]),
        shell('ls /dev/fd/3 2>/dev/null >&2 && echo has one; cat', []),
        shell('cat - /dev/fd/3', [second]),
      ],
      input: 'none',
      signal,
    });
    assert.equal((await buffer(running.output)).toString(), 'canary one\ncanary two\n');
  });

  it('hold more than a pipe does', async () => {
    const big = 'x'.repeat(1_000_000);
    const { stdout } = await capture(shell('cat /dev/fd/3', [new Secret(big)]), limits);
    assert.ok(stdout.equals(Buffer.from(big)));
  });

  it('are in no argument, in no environment and in no directory, and only their owner may open them', async () => {
    const before = readdirSync(tmpdir());
    const script =
      'tr "\\\\0" " " < /proc/$$/cmdline; tr "\\\\0" " " < /proc/$$/environ; stat -L -c "links %h mode %a" /dev/fd/3 /dev/fd/4; ls "$0"';
    const stage = shell(script);
    const { code, stdout, stderr } = await capture({ ...stage, args: [...stage.args, tmpdir()] }, limits);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout.toString(), /canary/);
    assert.match(stdout.toString(), /links 0 mode 600\nlinks 0 mode 600\n/);
    assert.deepEqual(readdirSync(tmpdir()), before);
  });

  it('have no name any more when the secret is written to them', () => {
    const before = readdirSync(tmpdir());
    const during = withUnnamedFiles([first], () => readdirSync(tmpdir()));
    assert.deepEqual(during, before);
  });

  it('are not in what a program says of them when it fails', async () => {
    const { code, stderr } = await capture(
      shell('echo error: $(cat /dev/fd/3 /dev/fd/4) >&2; exit 1'),
      limits,
    );
    assert.deepEqual([code, stderr], [1, 'error: [redacted] [redacted]\n']);
  });

  it('leave no descriptor in this process, whether the programs start, do not exist or fail', async () => {
    await capture(shell('cat /dev/fd/3'), limits);
    const before = descriptors();
    await capture(shell('cat /dev/fd/3'), limits);
    await capture(shell('exit 3'), limits);
    const missing: Stage = { program: '/nowhere/age', args: [], files: [first, second] };
    const { code } = await capture(missing, limits);
    assert.notEqual(code, 0);
    await assert.rejects(startStages({ stages: [{ ...missing, program: 'a\0b' }], input: 'none', signal }));
    assert.throws(() =>
      withUnnamedFiles([first, second], () => {
        throw new Error('refused');
      }),
    );
    assert.equal(descriptors(), before);
  });

  it('leave none when the second of two cannot be made', () => {
    const before = descriptors();
    const broken = Object.assign(new Secret(''), { reveal: () => assert.fail('it cannot be read') });
    assert.throws(() => withUnnamedFiles([first, broken], () => undefined), /it cannot be read/);
    assert.equal(descriptors(), before);
  });
});

/** Open descriptors of this process, known from /proc on Linux only. */
function descriptors(): number {
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
}
