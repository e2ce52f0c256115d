import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import type { EngineContext } from '../../src/pipeline/engine/engine.ts';
import type { Manifest } from '../../src/shared/manifest.ts';
import { type EngineRun, withEngineRun } from '../support/engine-run.ts';
import { withFolder } from '../support/folder.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { misbehavingPrograms } from '../support/redis-programs.ts';
import { quickDump, redisSource } from '../support/redis-restored.ts';
import { withRedis } from '../support/redis-sample.ts';
import { machineTools } from '../support/tools.ts';
import { until } from '../support/until.ts';

/** Has the real redis-cli write into WHOLE instead of FILE. */
const elsewhere =
  'WHOLE="$FILE.whole"; n=$#; for each do shift; [ $n -gt 1 ] && set -- "$@" "$each"; n=$((n - 1)); done; "$REAL" "$@" "$WHOLE"';

describe('a dump of Redis whose programs or server fail', () => {
  for (const [what, { lines, message }] of Object.entries({
    'half of it, with exit code 0': {
      lines: `${elsewhere}; head -c $(($(stat -c %s "$WHOLE") / 2)) "$WHOLE" > "$FILE"; exit 0`,
      message: /not a whole RDB .*Unexpected EOF/,
    },
    'all but its last byte': {
      lines: `${elsewhere}; head -c -1 "$WHOLE" > "$FILE"; exit 0`,
      message: /not a whole RDB/,
    },
    'with the marker of its end still behind it': {
      lines: '"$REAL" "$@"; head -c 40 /dev/zero >> "$FILE"; exit 0',
      message: /40 bytes follow its end/,
    },
    'one other byte in it': {
      lines: `${elsewhere}; printf X | dd of="$WHOLE" bs=1 seek=60 conv=notrunc status=none; cat "$WHOLE" > "$FILE"; exit 0`,
      message: /not a whole RDB/,
    },
    'a whole one, and cuts it off after it was read': {
      lines: '"$REAL" "$@"; truncate -s 10 "$FILE"; exit 0',
      message: /data\.rdb became shorter while it was read/,
    },
    nothing: { lines: 'exit 0', message: /not a whole RDB/ },
    'an empty file': { lines: ': > "$FILE"', message: /not a whole RDB/ },
  })) {
    it(`is not taken for whole when redis-cli writes ${what}`, () =>
      withFault({ 'redis-cli': onDump(lines) }, async ({ dump }) => {
        await assert.rejects(dump(), { code: 'DUMP_FAILED', message });
      }));
  }

  it('is what was checked, whatever becomes of the file afterwards', () =>
    withFault(
      {
        'redis-cli': onDump(
          '"$REAL" "$@"; printf X | dd of="$FILE" bs=1 seek=60 conv=notrunc status=none; exit 0',
        ),
      },
      async ({ dump, verify }) => verify(await dump(), 'decode'),
    ));

  it('is not taken for whole by what the file is afterwards', () =>
    withFolder(async (folder) => {
      const name = join(folder, 'name');
      const cli = onDump(`"$REAL" "$@"; head -c 40 /dev/zero >> "$FILE"; echo "$FILE" > '${name}'; exit 0`);
      const cut = `cat > /dev/null; truncate -s -40 "$(cat '${name}')"`;
      const checker = `"$REAL" "$@"; code=$?; [ "$1" = --version ] || { ${cut}; }; exit $code`;
      await withFault({ 'redis-cli': cli, 'redis-check-rdb': checker }, async ({ dump }) => {
        await assert.rejects(dump(), { code: 'DUMP_FAILED', message: /40 bytes follow its end/ });
      });
    }));

  for (const [what, { lines, message }] of Object.entries({
    'cannot be started': {
      lines: 'echo "libssl.so.9: cannot open" >&2; exit 127',
      message: /code 127: libssl/,
    },
    'is killed': { lines: 'kill -9 $$', message: /redis-check-rdb was killed by SIGKILL/ },
    'is killed in the middle': {
      lines: 'head -c 1000 > /dev/null; kill -9 $$',
      message: /killed by SIGKILL/,
    },
    'says nothing': { lines: 'cat > /dev/null', message: /redis-check-rdb exited with code 1/ },
    'closes what it is given': { lines: 'exec < /dev/null; sleep 1; exit 3', message: /exited with code 3/ },
  })) {
    it(`tells when redis-check-rdb ${what}`, () =>
      withFault(
        { 'redis-check-rdb': `[ "$1" = --version ] && exec "$REAL" "$@"\n${lines}` },
        async ({ dump }) => {
          await assert.rejects(dump(), { code: 'DUMP_FAILED', message });
        },
      ));
  }

  it('tells when redis-check-rdb is older than the RDB', () =>
    withFault(
      {
        'redis-cli': onDump(
          `${elsewhere}; printf 0099 | dd of="$WHOLE" bs=1 seek=5 conv=notrunc status=none; cat "$WHOLE" > "$FILE"; exit 0`,
        ),
      },
      async ({ dump }) => {
        await assert.rejects(dump(), {
          code: 'TOOL_TOO_OLD',
          message: /can't handle RDB format version 99/i,
        });
      },
    ));

  it('is checked by tools that do not tell their version, as those before 7.0', () =>
    withFault(
      {
        'redis-check-rdb': '[ "$1" = --version ] && { echo "Cannot open file"; exit 1; }; exec "$REAL" "$@"',
      },
      async ({ dump }) => void (await dump()),
    ));

  it('gives no program a password in its arguments', () =>
    withFolder(async (folder) => {
      const log = join(folder, 'arguments');
      const lines = `echo "$*" >> '${log}'; exec "$REAL" "$@"`;
      await withFault({ 'redis-cli': lines, 'redis-check-rdb': lines }, async ({ redis, dump }) => {
        await dump();
        const given = await readFile(log, 'utf8');
        assert.match(given, /--rdb/);
        assert.ok(!given.includes(new URL(redis.url).password), given);
      });
    }));

  it('is given up when the server answers and sends nothing', () =>
    withFault({ 'redis-cli': onDump('exec sleep 600') }, async ({ dump }) => {
      await assert.rejects(dump({ connectTimeout: 300 }), {
        code: 'TIMEOUT',
        retryable: true,
        message: /sent nothing for 1 s, and is making no dump/,
      });
    }));

  it('is given up when the server stands still in the middle of it', () =>
    withFault({}, async ({ redis, dump }) => {
      const failed = assert.rejects(dump({ connectTimeout: 400 }), {
        code: 'DATABASE_UNREACHABLE',
        message: /did not answer within 400 ms/,
      });
      await until('bytes of the dump are sent', () => isSent(redis));
      await redis.kill('SIGSTOP');
      await failed;
    }));

  it('is given up when what the server sends does not arrive', () =>
    withFault({}, async ({ redis, dump }) => {
      await withRedis(redis.url, 0, async (own) => {
        // More than the connection holds by itself, from a file: of such a dump the server never tires.
        await own.config('SET', 'repl-diskless-sync', 'no');
        await own.config('SET', 'rdb-key-save-delay', '0');
        await own.config('SET', 'rdbcompression', 'no');
        await own.set('large', Buffer.alloc(32 << 20));
      });
      await withStalling(redis.port, 1 << 20, async (port) => {
        const url = redis.url.replace(String(redis.port), String(port));
        await assert.rejects(dump({ connectTimeout: 300 }, url), {
          code: 'TIMEOUT',
          retryable: true,
          message: /has a dump to send, of which nothing came for 2 s/,
        });
      });
    }));

  it('waits for a server that is quiet because it is making the dump', () =>
    withFault({}, async ({ redis, dump }) => {
      await withRedis(redis.url, 0, async (own) => {
        await own.config('SET', 'repl-diskless-sync', 'no');
        await own.config('SET', 'rdb-key-save-delay', '1000');
      });
      // A disk is written for two seconds before the first byte is sent: longer than three times this.
      await dump({ connectTimeout: 200 });
    }));

  it('stops at an abort, and takes its file along', () =>
    withFault({}, async ({ redis, dump }) => {
      const abort = new AbortController();
      const failed = assert.rejects(dump({ signal: abort.signal }), { message: 'enough' });
      await until('bytes of the dump are sent', () => isSent(redis));
      abort.abort(new Error('enough'));
      await failed;
    }));

  it('is not begun without redis-cli, redis-check-rdb or perl, or with an older one than the server', async () => {
    for (const program of ['cli', 'check-rdb']) {
      const tools = machineTools({ hidden: [`redis-${program}`, `valkey-${program}`] });
      await withFault({}, async ({ dump }) => {
        await assert.rejects(dump({ tools }), {
          code: 'TOOL_MISSING',
          message: `redis-${program} is not installed here`,
        });
      });
    }
    await withFault({}, ({ dump }) =>
      assert.rejects(dump({ tools: machineTools({ hidden: ['perl'] }) }), { code: 'TOOL_MISSING' }),
    );
    await withFault({ 'redis-check-rdb': 'echo "redis-check-rdb 6.2.7"' }, async ({ dump }) => {
      await assert.rejects(dump(), { code: 'TOOL_TOO_OLD', message: /the redis-check-rdb here is 6\.2\.7/ });
    });
  });
});

/** The shell lines of a redis-cli that does so when it is to write FILE, and otherwise what it always does. */
function onDump(lines: string): string {
  return `for FILE; do :; done\ncase " $* " in *" --rdb "*) ;; *) exec "$REAL" "$@" ;; esac\n${lines}`;
}

interface Fault {
  redis: TestRedis;
  /** Backs it up, as a worker does. */
  dump(changes?: Partial<EngineContext>, url?: string): Promise<Manifest>;
  verify: EngineRun['verify'];
}

/** A server with some thousand keys, whose dump takes seconds, and programs in place of the real ones. No file may be left. */
function withFault(
  programs: Readonly<Record<string, string>>,
  use: (fault: Fault) => Promise<void>,
): Promise<void> {
  return withEngineRun(async ({ path, backUp, verify }) => {
    const tools = await misbehavingPrograms(dirname(path), programs);
    const redis = await startRedis({ args: [...quickDump, '--rdb-key-save-delay', '400'] });
    try {
      await fill(redis);
      await use({
        redis,
        dump: (changes, url = redis.url) => backUp(redisSource(url), {}, { tools, ...changes }),
        verify,
      });
      assert.deepEqual(await workFolders(), []);
    } finally {
      await redis.stop();
    }
  });
}

function fill({ url }: TestRedis): Promise<unknown> {
  const values = Array.from({ length: 2_000 }, (_, key) => [`key:${key}`, `${key}`.repeat(100)]);
  return withRedis(url, 0, (redis) => redis.mset(values.flat()));
}

async function isSent({ url }: TestRedis): Promise<boolean> {
  const stats = await withRedis(url, 0, (redis) => redis.info('stats'));
  return /total_net_repl_output_bytes:[1-9]\d{3}/.test(stats);
}

/** A way to a server on which each connection stands still once it has brought so many bytes. */
async function withStalling(
  target: number,
  bytes: number,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const sockets: Socket[] = [];
  const proxy = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    sockets.push(near, far);
    near.pipe(far);
    let brought = 0;
    far.on('data', (chunk: Buffer) => {
      brought += chunk.length;
      if (brought > bytes) far.pause();
      else near.write(chunk);
    });
    for (const socket of [near, far]) socket.on('error', () => undefined);
    far.once('close', () => near.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  try {
    await use((proxy.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  }
}

/** Of this process: other tests have theirs. */
async function workFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith(`backupdata-work-${process.pid}-`));
}
