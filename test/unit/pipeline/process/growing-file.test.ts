import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { openGrowingFile, seal } from '../../../../src/pipeline/process/growing-file.ts';
import { startStages } from '../../../../src/pipeline/process/run.ts';
import { withFolder } from '../../../support/folder.ts';
import { chooseSeed, createSeeded } from '../../../support/seeded.ts';
import { machineTools } from '../../../support/tools.ts';
import { abortableDelay, until } from '../../../support/until.ts';

const never = new AbortController().signal;

interface Growing {
  path: string;
  checker: string;
  /** What becomes of the file while it is read; then it is sealed. */
  write?: () => Promise<void>;
  heldBack?: number;
  signal?: AbortSignal;
}

/** Reads a file that grows, with shell lines as its checker. */
async function read({ path, checker, write, heldBack = 0, signal = never }: Growing) {
  const program = { program: '/bin/sh', args: ['-c', checker], env: { PATH: '/usr/bin:/bin' } };
  const file = await openGrowingFile({ path, heldBack, checker: program, tools: machineTools() });
  try {
    const running = await startStages({ stages: [file.stage], input: 'none', signal });
    const written = write?.().then(() => seal(path));
    const [output] = await Promise.all([buffer(running.output), running.finished, written]);
    const { said, ...checked } = file.checked();
    assert.equal(checked.bytes, output.length);
    return { output, ...checked, said: said.toString() };
  } finally {
    file.close();
  }
}

const seed = chooseSeed();

describe(`a file that is read while it is written (seed ${seed})`, () => {
  it('is given to both, to its last byte, and without what is taken away again', () =>
    withFolder(async (folder) => {
      const random = createSeeded(seed);
      for (let round = 0; round < 20; round += 1) {
        const path = join(folder, String(round));
        const pieces = Array.from({ length: 12 }, () => random.bytes(random.below(400_000)));
        const content = Buffer.concat(pieces);
        await writeFile(path, '');
        const { output, code, said } = await read({
          path,
          heldBack: 40,
          checker: 'sha256sum',
          write: async () => {
            for (const piece of pieces) {
              await appendFile(path, piece);
              await abortableDelay(random.below(4), never);
            }
            await appendFile(path, random.bytes(40));
            await abortableDelay(random.below(30), never);
            await truncate(path, content.length);
          },
        });
        const sum = createHash('sha256').update(content).digest('hex');
        assert.equal(createHash('sha256').update(output).digest('hex'), sum);
        assert.deepEqual([code, said], [0, `${sum}  -\n`]);
      }
    }));

  it('may be sealed before it is opened, and its checker may open it by name', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file');
      await writeFile(path, 'abc');
      await seal(path);
      const { output, code, said } = await read({ path, checker: 'cat /dev/stdin', heldBack: 40 });
      assert.deepEqual([output.toString(), code, said], ['abc', 0, 'abc']);
    }));

  it('is read to its end when the checker ends before, and how that ended is kept', () =>
    withFolder(async (folder) => {
      const endings = {
        'exit 3': [3, null, ''],
        'kill -9 $$': [null, 'SIGKILL', ''],
        'echo out; echo why >&2; exit 200': [200, null, 'out\nwhy\n'],
      };
      for (const [checker, expected] of Object.entries(endings)) {
        const path = join(folder, String(expected[0]));
        await writeFile(path, Buffer.alloc(1 << 20));
        const write = () => appendFile(path, Buffer.alloc(1 << 20));
        const { output, code, signal, said } = await read({ path, checker, write });
        assert.deepEqual([code, signal, said], expected);
        assert.equal(output.length, (await stat(path)).size);
      }
    }));

  it('says that a checker cannot be started', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file');
      await writeFile(path, 'abc');
      await seal(path);
      assert.notEqual((await read({ path, checker: 'exec /no/such/program' })).code, 0);
    }));

  it('must not become shorter than what was read', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file');
      await writeFile(path, Buffer.alloc(100_000));
      const seen = join(folder, 'seen');
      const checker = `head -c 50000 > /dev/null; touch '${seen}'; cat > /dev/null`;
      const write = async () => {
        await until('half of it was read', () => existsSync(seen));
        await truncate(path, 10);
      };
      await assert.rejects(read({ path, checker, write }), /file became shorter/);
    }));

  it('is let go at an abort, and by the checker too', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file');
      await writeFile(path, 'abc');
      const [stop, started] = [new AbortController(), join(folder, 'started')];
      const checker = `touch '${started}'; exec sleep 1000`;
      const failed = assert.rejects(read({ path, checker, signal: stop.signal }), /enough/);
      await until('the checker runs', () => existsSync(started));
      stop.abort(new Error('enough'));
      await failed;
    }));

  it('is let go when the process that started the stage is gone, where the system does not see to it', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file');
      await writeFile(path, 'abc');
      const checker = { program: '/bin/cat', args: [] };
      const file = await openGrowingFile({ path, heldBack: 0, checker, tools: machineTools() });
      try {
        const { program, args, descriptors = [] } = file.stage;
        const starter = spawn('/bin/sh', ['-c', '"$@" & wait', 'sh', program, ...args], {
          stdio: ['ignore', 'pipe', 'ignore', ...descriptors],
        });
        let closed = false;
        starter.once('close', () => {
          closed = true;
        });
        starter.stdout?.once('data', () => starter.kill('SIGKILL'));
        await until('the stage has ended', () => closed);
      } finally {
        // What is still there would never end.
        await seal(path);
        file.close();
      }
    }));

  const onLinux = {
    skip: process.platform === 'linux' ? false : 'only Linux ends a program with its parent',
  };

  it('takes along a checker that does not look at what it is given, when it is killed', onLinux, () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file');
      await writeFile(path, 'abc');
      const pids = join(folder, 'pids');
      const checker = `echo $$ $PPID > '${pids}.new'; mv '${pids}.new' '${pids}'; exec sleep 1000`;
      const failed = assert.rejects(read({ path, checker }), /perl was killed by SIGKILL/);
      await until('the checker runs', () => existsSync(pids));
      const [own, perl] = (await readFile(pids, 'utf8')).split(' ').map(Number);
      assert.ok(own && perl);
      process.kill(perl, 'SIGKILL');
      try {
        await failed;
        await until('the checker is gone', () => !isAlive(own));
      } finally {
        if (isAlive(own)) process.kill(own, 'SIGKILL');
      }
    }),
  );

  it('needs Perl', () =>
    assert.rejects(
      openGrowingFile({
        path: '/dev/null',
        heldBack: 0,
        checker: { program: '/bin/true', args: [] },
        tools: machineTools({ hidden: ['perl'] }),
      }),
      {
        code: 'TOOL_MISSING',
        message: 'perl is not installed, and a dump is read by it while it is written',
      },
    ));
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
