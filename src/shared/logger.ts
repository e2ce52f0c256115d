import type { Writable } from 'node:stream';
import winston from 'winston';
import type { LogFormat, LogLevel } from './config/environment.ts';
import { renderJson, renderPretty } from './log-format.ts';
import { createRedactor, type Redactor } from './redact.ts';

/** Whatever helps to understand one line; errors are given whole, as `{ error }`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where the edges of the program say what happened. Nothing that is given to it can make it throw. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines all have these fields too. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  level: LogLevel;
  format: LogFormat;
  /** Values that are masked wherever they stand, as `Config.secrets` has them. One that gives them may give others later. */
  secrets: readonly string[] | (() => readonly string[]);
  /** Standard error when it is not given. */
  destination?: Writable;
  clock?: () => Date;
}

const levels = { error: 0, warn: 1, info: 2, debug: 3 } as const satisfies Record<LogLevel, number>;

/**
 * Importing this file loads winston, which takes longer than most commands: import it where a log is wanted.
 * A line is rendered and redacted when it is logged, so that what changes afterwards does not change it. Stacks are
 * shown at level debug only.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, format, secrets, destination = process.stderr, clock = () => new Date() } = options;
  const output = createOutput(level, destination);
  const redactorNow = createRedactorOf(secrets, { stacks: level === 'debug' });
  const render = format === 'json' ? renderJson : renderPretty({ colours: hasColours(destination) });
  const write: Write = (lineLevel, message, fields) => {
    if (levels[lineLevel] > levels[level]) return;
    const redactor = redactorNow();
    const line = {
      time: clock(),
      level: lineLevel,
      message: redactor.text(message),
      fields: recordOf(redactor(fields)),
    };
    output.log(lineLevel, render(line));
  };
  return loggerWith(write, {});
}

/** Made anew only when there are others: it takes long for many secrets. */
function createRedactorOf(secrets: LoggerOptions['secrets'], options: { stacks: boolean }): () => Redactor {
  const give = typeof secrets === 'function' ? secrets : () => secrets;
  let known = give();
  let redactor = createRedactor(known, options);
  return () => {
    const now = give();
    if (now !== known) redactor = createRedactor(now, options);
    known = now;
    return redactor;
  };
}

type Write = (level: LogLevel, message: string, fields: LogFields) => void;

function loggerWith(write: Write, common: LogFields): Logger {
  const at = (level: LogLevel) => (message: string, fields?: LogFields) =>
    write(level, message, merge(common, fields));
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => loggerWith(write, merge(common, fields)),
  };
}

/** A getter that throws costs the fields, not the run. */
function merge(common: LogFields, fields: LogFields | undefined): LogFields {
  try {
    return { ...common, ...fields };
  } catch {
    return { ...common, fields: '[unreadable]' };
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value ?? {}));
}

/** A log that nobody reads any more (a closed pipe) must not end a run. */
function createOutput(level: LogLevel, destination: Writable): winston.Logger {
  destination.on('error', () => undefined);
  return winston.createLogger({
    levels,
    level,
    format: winston.format.printf(({ message }) => String(message)),
    transports: [new winston.transports.Stream({ stream: destination, eol: '\n' })],
  });
}

function hasColours(destination: Writable): boolean {
  if (!('isTTY' in destination) || destination.isTTY !== true) return false;
  return (
    !('hasColors' in destination && typeof destination.hasColors === 'function') ||
    destination.hasColors() === true
  );
}
