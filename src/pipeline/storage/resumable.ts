import { Readable } from 'node:stream';
import { BackupDataError } from '../../shared/errors.ts';
import { isPassing, type Pace, restAfter } from './retry.ts';
import type { ObjectBody } from './storage.ts';

/** In a row, without a byte between them. */
const mostBreaks = 5;

interface Resumption {
  key: string;
  first: ObjectBody;
  /** Opens the object again behind the bytes that were given out; `left` of them, or all where that is not known. */
  open: (given: number, left: number | undefined) => Promise<ObjectBody>;
  pace: Pace;
  signal: AbortSignal;
}

/**
 * The bytes of `first`; where it breaks off they go on from there, as soon as more are wanted: a reader that takes an
 * hour off may lose its connection meanwhile, and needs none. OBJECT_DAMAGED when the object is another one by then.
 */
export function resumable({ key, first, open, pace, signal }: Resumption): ObjectBody {
  const { bytes, version } = first;
  let source: ObjectBody | undefined;
  let given = 0;
  let breaks = 0;
  let failure: unknown;
  let opening = false;

  const follow = (body: ObjectBody): void => {
    source = body;
    body.on('data', (chunk: Buffer) => {
      given += chunk.length;
      breaks = 0;
      if (!stream.push(chunk)) body.pause();
    });
    body.once('end', () => stream.push(null));
    body.on('error', (error) => onBreak(body, error));
    body.once('close', () => {
      if (!body.readableEnded) onBreak(body, brokenOff(key));
    });
  };
  const onBreak = (body: ObjectBody, error: Error): void => {
    if (source !== body || stream.destroyed) return;
    source = undefined;
    failure = error;
    breaks += 1;
    if (!isPassing(error) || breaks > mostBreaks) stream.destroy(signal.aborted ? signal.reason : error);
    // It flows while data is wanted; otherwise the next read opens it.
    else if (!body.isPaused()) reopen();
  };
  const reopen = (): void => {
    if (opening) return;
    opening = true;
    resume().then(
      (body) => {
        opening = false;
        if (stream.destroyed) body.destroy();
        else follow(body);
      },
      (error: Error) => stream.destroy(error),
    );
  };
  const resume = async (): Promise<ObjectBody> => {
    if (breaks > 1) await restAfter(breaks - 1, { pace, signal });
    const body = await open(given, bytes === undefined ? undefined : bytes - given);
    if (body.version === version) return body;
    body.destroy();
    throw replaced(key, failure);
  };
  const abort = (): void => void stream.destroy(signal.reason);
  const stream = new Readable({
    read: () => {
      if (source) source.resume();
      else reopen();
    },
    destroy: (error, done) => {
      signal.removeEventListener('abort', abort);
      source?.destroy();
      done(error);
    },
  });
  signal.addEventListener('abort', abort, { once: true });
  follow(first);
  first.pause();
  return Object.assign(stream, { bytes, version });
}

function brokenOff(key: string): BackupDataError {
  return new BackupDataError('STORAGE_UNAVAILABLE', `the object ${key} broke off while it was read`, {
    hint: 'Try again; check the way to the storage if it happens again.',
  });
}

function replaced(key: string, cause: unknown): BackupDataError {
  return new BackupDataError('OBJECT_DAMAGED', `the object ${key} was replaced while it was read`, {
    hint: 'Objects are written once; find out what writes to this storage besides BackUpData, then try again.',
    cause,
  });
}
