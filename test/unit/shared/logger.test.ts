import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { BackupDataError } from '../../../src/shared/errors.ts';
import { createLogger, type Logger, type LoggerOptions } from '../../../src/shared/logger.ts';
import { Secret } from '../../../src/shared/secret.ts';

const secret = 'c4n4ry p@ss';

/** What `use` logs, line by line, once the destination has it. */
async function linesOf(
  options: Partial<LoggerOptions> & { tty?: boolean },
  use: (logger: Logger) => void,
): Promise<string[]> {
  const chunks: Buffer[] = [];
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  if (options.tty) Object.assign(destination, { isTTY: true });
  const clock = () => new Date('2026-01-02T03:04:05.678Z');
  use(createLogger({ level: 'info', format: 'json', secrets: [secret], destination, clock, ...options }));
  await new Promise((resolve) => setImmediate(resolve));
  const text = Buffer.concat(chunks).toString();
  assert.ok(text === '' || text.endsWith('\n'));
  return text.split('\n').slice(0, -1);
}

describe('the log in JSON', () => {
  it('has time, level, message and the fields on each line', async () => {
    const [line = ''] = await linesOf({}, (logger) =>
      logger.info('run started', { database: 'shop', bytes: 5 }),
    );
    assert.equal(
      line,
      '{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"run started","database":"shop","bytes":5}',
    );
  });

  it('does not let a field replace time, level or message', async () => {
    const fields = { time: 1, level: 2, message: 'other', ['__proto__']: { a: 1 } };
    const [line = ''] = await linesOf({}, (logger) => logger.warn('real', fields));
    const parsed = JSON.parse(line);
    assert.deepEqual([parsed.level, parsed.message, parsed['field.message']], ['warn', 'real', 'other']);
    assert.equal(parsed.time, '2026-01-02T03:04:05.678Z');
  });

  it('keeps one line per message whatever is in it', async () => {
    const lines = await linesOf({}, (logger) => logger.info('a\nb\r\u2028', { x: 'c\nd' }));
    assert.equal(lines.length, 1);
    assert.equal(JSON.parse(lines[0] ?? '').message, 'a\nb\r\u2028');
  });

  it('leaves out what is below its level', async () => {
    const all = (logger: Logger) => {
      logger.debug('d');
      logger.info('i');
      logger.warn('w');
      logger.error('e');
    };
    const levels = async (level: LoggerOptions['level']) =>
      (await linesOf({ level }, all)).map((line) => JSON.parse(line).message).join('');
    assert.deepEqual(
      [await levels('debug'), await levels('info'), await levels('warn'), await levels('error')],
      ['diwe', 'iwe', 'we', 'e'],
    );
  });

  it('gives a child all fields of its parent', async () => {
    const [line = ''] = await linesOf({}, (logger) =>
      logger.child({ a: 1, b: 1 }).child({ b: 2, c: 2 }).info('x', { c: 3 }),
    );
    const { a, b, c } = JSON.parse(line);
    assert.deepEqual([a, b, c], [1, 2, 3]);
  });

  it('shows an error whole, and its stack at level debug only', async () => {
    const error = new BackupDataError('DUMP_FAILED', 'pg_dump ended with 1', {
      hint: 'Look at the server.',
      cause: new Error('connection reset'),
    });
    const log = (logger: Logger) => logger.error('run failed', { error });
    const plain = JSON.parse((await linesOf({}, log))[0] ?? '').error;
    assert.deepEqual(plain, {
      code: 'DUMP_FAILED',
      message: 'pg_dump ended with 1',
      hint: 'Look at the server.',
      cause: { name: 'Error', message: 'connection reset' },
    });
    const debug = JSON.parse((await linesOf({ level: 'debug' }, log))[0] ?? '').error;
    assert.match(debug.stack, /logger\.test\.ts/);
    assert.match(debug.cause.stack, /logger\.test\.ts/);
  });

  it('shows fields as they were when they were logged', async () => {
    const progress = { bytes: 1 };
    const [line = ''] = await linesOf({}, (logger) => {
      logger.info('x', { progress });
      progress.bytes = 2;
    });
    assert.equal(JSON.parse(line).progress.bytes, 1);
  });
});

describe('the log for a terminal', () => {
  const pretty = (use: (logger: Logger) => void, tty = false) => linesOf({ format: 'pretty', tty }, use);

  it('has one line with key=value', async () => {
    const [line] = await pretty((logger) =>
      logger.info('run started', {
        database: 'shop',
        note: 'two words',
        error: { code: 'X' },
        list: [1],
        gone: undefined,
      }),
    );
    assert.equal(
      line,
      '2026-01-02T03:04:05.678Z INFO  run started database=shop note="two words" error.code=X list=[1]',
    );
  });

  it('has colours on a terminal only', async () => {
    const log = (logger: Logger) => logger.error('x');
    const [plain = ''] = await pretty(log);
    const [coloured = ''] = await pretty(log, true);
    assert.equal(plain, '2026-01-02T03:04:05.678Z ERROR x');
    assert.notEqual(coloured, plain);
    assert.equal(stripVTControlCharacters(coloured), plain);
  });

  it('escapes what could move the cursor or begin a line', async () => {
    const hostile = 'a\nb\u001b[2Jc\u009b1m\u2028\u202e\r';
    const lines = await pretty((logger) =>
      logger.info(hostile, { key: hostile, [hostile]: 1, list: [hostile] }),
    );
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines[0] ?? '', /[\p{Cc}\u2028\u202e]/u);
  });
});

describe('the log and secrets', () => {
  const canaries: Record<string, (logger: Logger) => void> = {
    'a message': (logger) => logger.info(`x ${secret} ${encodeURIComponent(secret)}`),
    'a field': (logger) => logger.info('x', { a: { b: [secret] } }),
    'a key': (logger) => logger.info('x', { [secret]: 1 }),
    'the field of a child': (logger) => logger.child({ a: secret }).info('x'),
    'an unknown password': (logger) =>
      logger.info('x', { url: 'postgres://u:c4n4ry@h/d', password: 'c4n4ry' }),
    'a Secret': (logger) => logger.info('x', { a: new Secret('c4n4ry') }),
    'an error': (logger) =>
      logger.error('x', {
        error: new AggregateError([new Error(secret)], secret, { cause: new Error(`a://u:c4n4ry@h`) }),
      }),
  };
  for (const [place, log] of Object.entries(canaries)) {
    it(`never shows one from ${place}`, async () => {
      for (const format of ['json', 'pretty'] as const) {
        const lines = await linesOf({ format, level: 'debug' }, log);
        assert.equal(lines.length, 1);
        assert.doesNotMatch(lines.join(), /c4n4ry/);
        assert.match(lines.join(), /\[redacted\]/);
      }
    });
  }
});

describe('the log in trouble', () => {
  it('does not throw for fields that do', async () => {
    const fields = Object.defineProperty({}, 'a', {
      enumerable: true,
      get: () => {
        throw new Error(secret);
      },
    });
    for (const format of ['json', 'pretty'] as const) {
      const lines = await linesOf({ format }, (logger) => {
        logger.info('x', fields);
        logger.child(fields).info('y');
      });
      assert.equal(lines.length, 2);
    }
  });

  it('goes on when its destination is gone', async () => {
    const destination = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const logger = createLogger({ level: 'info', format: 'json', secrets: [], destination });
    logger.info('one');
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(destination.destroyed);
    assert.doesNotThrow(() => logger.info('two'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('the secrets of a log', () => {
  it('may become others while it is written', async () => {
    let secrets = ['canary-one'];
    const lines = await linesOf({ secrets: () => secrets }, (logger) => {
      logger.info('canary-one canary-two');
      const child = logger.child({ database: 'shop' });
      secrets = ['canary-two'];
      child.info('canary-one canary-two', { error: new Error('canary-two') });
    });
    const [before, after] = lines.map((line) => JSON.parse(line));
    assert.equal(before.message, '[redacted] canary-two');
    assert.equal(after.message, 'canary-one [redacted]');
    assert.equal(after.error.message, '[redacted]');
  });
});
