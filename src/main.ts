#!/usr/bin/env node
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

// Before anything is loaded that an older one cannot read.
const oldestNode = 24;
if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  process.stderr.write(
    `error: backupdata needs Node ${oldestNode} or newer, and this is ${process.version}\n` +
      'Install a newer one (https://nodejs.org/en/download), or `npm install node@26` beside the package.\n',
  );
  process.exit(2);
}

const hangUps = holdHangUps();

// Before anything is loaded: the young generation stays small, so that buffers of a stream that has passed are given
// back while it runs. A worker peaks at 116 MiB instead of 184 for a dump of 1.7 GB, and is no slower.
setFlagsFromString('--semi-space-growth-factor=1');
// The old generation is looked through once it has grown by half; V8 would wait for three or four times as much. A producer of 10,000
// databases has 60 MiB that live, and peaked at 420.
setFlagsFromString('--heap-growing-percent=50');
const { runCli } = await import('./producer/cli/cli.ts');

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second time it is meant at once: programs die with this process, and its jobs are started again elsewhere.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort(signal);
  });
}

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stopping.signal,
  hangUps,
  startWorkerService: async (options) => {
    const { startWorkerService } = await import('./worker/service.ts');
    return startWorkerService(options);
  },
});

// Nothing is left to do. A connection that waits for a server that is gone must not keep the process.
setTimeout(() => process.exit(), 1_000).unref();

/** It would end the process, and whoever sends it to a service that is still starting does not mean that. */
function holdHangUps(): { listen(listener: () => void): void; release(): void } {
  let missed = false;
  let heard = (): void => {
    missed = true;
  };
  const onSignal = (): void => heard();
  process.on('SIGHUP', onSignal);
  return {
    listen: (listener) => {
      heard = listener;
      if (missed) listener();
    },
    release: () => {
      process.off('SIGHUP', onSignal);
      if (missed) process.kill(process.pid, 'SIGHUP');
    },
  };
}
