import type { Argv } from 'yargs';
import { BackupDataError } from '../../shared/errors.ts';

/** The producer that a command works through, as its options say. */
export interface ServerChoice {
  /** HOST:PORT of its gRPC. */
  address: string;
  tokenFile: string | undefined;
  authority: string | undefined;
  certificate: string | undefined;
  key: string | undefined;
  insecure: boolean;
}

const group = 'Through a producer:';

/** Declared for every command, so that they may stand before its word; shown where they can be used. */
export function serverOptions(parser: Argv, { hidden }: { hidden: boolean }): Argv {
  const file = { type: 'string', requiresArg: true, group, hidden } as const;
  return parser
    .option('server', {
      ...file,
      describe: 'HOST:PORT of its gRPC; without Redis and configuration here',
    })
    .option('token-file', { ...file, describe: 'Holds the token (or $BACKUPDATA_TOKEN)' })
    .option('server-ca', { ...file, describe: 'Trust the certificates that this authority signed' })
    .option('server-cert', { ...file, describe: 'Certificate of this client, for mutual TLS' })
    .option('server-key', { ...file, describe: 'Its key' })
    .option('insecure', {
      type: 'boolean',
      default: false,
      group,
      hidden,
      describe: 'Send the token without TLS to another machine',
    });
}

/** Undefined where no server is named. */
export function serverChoiceOf(options: Record<string, unknown>): ServerChoice | undefined {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const address = text('server');
  if (address === undefined) return undefined;
  return {
    address,
    tokenFile: text('token-file'),
    authority: text('server-ca'),
    certificate: text('server-cert'),
    key: text('server-key'),
    insecure: options.insecure === true,
  };
}

/** USAGE for `--server` with a command that does not work through one, or with `--here`; and for its options without it. */
export function refuseServer(
  { remote, command }: { remote: boolean; command: string },
  options: Record<string, unknown>,
): void {
  if (options.server === undefined) {
    refuseIdle(options);
    return;
  }
  const word = command.split(' ')[0];
  if (!remote)
    throw new BackupDataError('USAGE', `\`${word}\` works on this machine alone, not with --server`, {
      hint: 'Leave --server out.',
    });
  if (options.here === true)
    throw new BackupDataError('USAGE', '--here works in this process, and --server in another', {
      hint: 'Leave one of them out.',
    });
}

function refuseIdle(options: Record<string, unknown>): void {
  const idle = ['token-file', 'server-ca', 'server-cert', 'server-key'].find(
    (name) => options[name] !== undefined,
  );
  const name = idle ?? (options.insecure === true ? 'insecure' : undefined);
  if (name === undefined) return;
  throw new BackupDataError('USAGE', `--${name} is for --server, which is not given`, {
    hint: 'Name the producer: --server HOST:PORT.',
  });
}
