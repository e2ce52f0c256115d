import { Duplex, PassThrough } from 'node:stream';

/**
 * An asynchronous transformation as a stream. It asks for one chunk only when the last one was taken, so that nothing that
 * was given before a failure is lost to it; `Duplex.from` reads ahead, and drops what it holds.
 */
export function duplexOf(transform: (source: AsyncIterable<Buffer>) => AsyncIterator<Uint8Array>): Duplex {
  const input = new PassThrough();
  const output = transform(input);
  return new Duplex({
    readableHighWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      input.write(chunk, done);
    },
    final: (done) => {
      input.end();
      done();
    },
    read() {
      output.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: Error) => this.destroy(error),
      );
    },
    destroy: (error, done) => {
      input.destroy();
      output.return?.().catch(() => undefined);
      done(error);
    },
  });
}
