import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { capture } from '../../../../src/pipeline/process/capture.ts';
import { withFolder } from '../../../support/folder.ts';
import { until } from '../../../support/until.ts';

function shell(script: string) {
  return { program: '/bin/sh', args: ['-c', script], env: { PATH: '/usr/bin:/bin' } };
}

const options = { signal: new AbortController().signal, maxBytes: 1024 };

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a short program', () => {
  it('gives what it wrote and how it ended', async () => {
    const { stdout, stderr, code, signal } = await capture(shell('cat; echo words >&2; exit 3'), {
      ...options,
      input: Buffer.from('input'),
    });
    assert.deepEqual([stdout.toString(), stderr, code, signal], ['input', 'words\n', 3, null]);
  });

  it('may leave its input unread', async () => {
    const { code } = await capture(shell('exec true'), { ...options, input: Buffer.alloc(1 << 20) });
    assert.equal(code, 0);
  });

  it('keeps only the end of what it writes to stderr', async () => {
    const { stderr } = await capture(
      shell('head -c 100000 /dev/zero | tr "\\0" x >&2; echo end >&2'),
      options,
    );
    assert.equal(stderr.length, 4096);
    assert.ok(stderr.endsWith('xend\n'));
  });

  it('is ended when it writes too much', async () => {
    await assert.rejects(capture(shell('cat /dev/zero'), options), {
      code: 'INTERNAL',
      message: 'sh wrote more than 1024 bytes',
    });
  });

  it('says why when it cannot be started', async () => {
    const { code, stderr } = await capture({ program: '/no/such/program', args: [] }, options);
    assert.notEqual(code, 0);
    assert.match(stderr, /\/no\/such\/program/);
  });

  it('is not started when the signal has aborted', () =>
    withFolder(async (folder) => {
      const reason = new Error('enough');
      const path = join(folder, 'started');
      await assert.rejects(
        capture(shell(`touch '${path}'`), { ...options, signal: AbortSignal.abort(reason) }),
        reason,
      );
      await assert.rejects(access(path), { code: 'ENOENT' });
    }));

  it('is killed with all that it started when the signal aborts', () =>
    withFolder(async (folder) => {
      const controller = new AbortController();
      const reason = new Error('enough');
      const path = join(folder, 'pid');
      const running = assert.rejects(
        capture(shell(`trap '' TERM; sleep 600 & echo $! > '${path}'; wait`), {
          ...options,
          signal: controller.signal,
        }),
        reason,
      );
      let pid = 0;
      await until('the program has started another', async () => {
        pid = Number(await readFile(path, 'utf8').catch(() => ''));
        return pid > 0;
      });
      controller.abort(reason);
      await running;
      await until('the grandchild is gone', () => !isAlive(pid));
    }));
});
