import { BackupDataError } from '../../../shared/errors.ts';
import { capture } from '../../process/capture.ts';
import { type StageExit, succeeded } from '../../process/failure.ts';
import type { Stage } from '../../process/stage.ts';
import type { EngineContext } from '../engine.ts';
import { plainEnvironment } from '../system-programs.ts';
import { addressOf, type Connection } from './connection.ts';
import { clientFailure, wasRefused } from './failures.ts';
import { needProgram } from './tools.ts';
import { openTunnel } from './tunnel.ts';

/** redis-cli, told how to reach one server. */
export interface Client {
  connection: Connection;
  /** Its own arguments, after those that say where the server is. */
  stage(args: readonly string[]): Stage;
  /** The answer to one command. Throws what was refused, and DATABASE_UNREACHABLE where none comes in time. */
  ask(command: readonly string[]): Promise<string>;
  /** Throws what went wrong in a run of its stage. */
  requireSuccess(exit: StageExit): void;
}

/** Gives `use` a client. For TLS, what the client connects to is there for as long as `use` takes. */
export async function withClient<T>(
  connection: Connection,
  context: EngineContext,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const program = await needProgram('cli', context);
  const tunnel = connection.tls && (await openTunnel(connection, connection.tls, context));
  const stage = (args: readonly string[]): Stage => ({
    program,
    args: [...reaching(connection, tunnel?.path), ...args],
    env: {
      ...plainEnvironment(context),
      ...(connection.password && { REDISCLI_AUTH: connection.password.reveal() }),
    },
  });
  const requireSuccess = (exit: StageExit): void => {
    if (succeeded(exit) && !wasRefused(exit)) return;
    throw tunnel?.failure() ?? clientFailure(exit, connection, 'DUMP_FAILED');
  };
  const ask = async (command: readonly string[]): Promise<string> => {
    // Without -e an error would be an answer.
    const exit = await inTime(connection, context, (signal) =>
      capture(stage(['-e', ...command]), { signal, maxBytes: 1 << 20 }),
    );
    requireSuccess(exit);
    return exit.stdout.toString('utf8');
  };
  try {
    return await use({ connection, stage, ask, requireSuccess });
  } finally {
    await tunnel?.close();
  }
}

function reaching({ host, port, socket, user }: Connection, tunnel: string | undefined): string[] {
  const path = tunnel ?? socket;
  return [
    ...(path === undefined ? ['-h', host, '-p', String(port)] : ['-s', path]),
    ...(user === undefined ? [] : ['--user', user]),
  ];
}

/** redis-cli itself waits as long as the system does. */
async function inTime<T>(
  connection: Connection,
  { connectTimeout, signal }: EngineContext,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = AbortSignal.timeout(connectTimeout);
  try {
    return await work(AbortSignal.any([signal, late]));
  } catch (cause) {
    if (signal.aborted || !late.aborted) throw cause;
    throw new BackupDataError(
      'DATABASE_UNREACHABLE',
      `Redis at ${addressOf(connection)} did not answer within ${connectTimeout} ms`,
      {
        hint: 'Check host and port, and whether the server is stuck; one without TLS does not answer rediss://. timeouts.connect says how long is waited.',
        cause,
      },
    );
  }
}
