import type { LookupFunction } from 'node:net';
import type { NotifierConfig, NotifierOf } from '../../shared/config/notifier-schema.ts';
import { BackupDataError } from '../../shared/errors.ts';

/** What every notifier is made of. */
export interface NotifierOptions<Type extends NotifierConfig['type'] = NotifierConfig['type']> {
  name: string;
  config: NotifierOf<Type>;
  clock: () => Date;
  /** How a name becomes addresses. */
  lookup: LookupFunction;
  /** Milliseconds to be connected, and in all. */
  limits: { connect: number; whole: number };
}

/** Who is told, in words that hold no secret: of an address the host alone. */
export interface Recipient {
  name: string;
  type: NotifierConfig['type'];
  host: string;
}

/** A name or an address, without brackets: what messages may say of a URL. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

/** One attempt to tell a recipient, within the time that is given to it. Throws as `Notifier.notify` does, or what aborted it. */
export async function deliver(
  recipient: Recipient,
  { limit, signal }: { limit: number; signal: AbortSignal },
  send: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const deadline = AbortSignal.timeout(limit);
  try {
    await send(AbortSignal.any([signal, deadline]));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BackupDataError) throw error;
    const why = deadline.aborted
      ? `did not answer within ${limit / 1_000} s`
      : `could not be reached (${codeOf(error)})`;
    throw failed(recipient, why, error);
  }
}

/** For what may pass by itself. */
export function failed(recipient: Recipient, what: string, cause?: unknown): BackupDataError {
  return new BackupDataError('NOTIFICATION_FAILED', `${described(recipient)} ${what}`, {
    hint: `Look whether it answers from this machine; \`backupdata notify test ${recipient.name}\` tries it.`,
    cause,
  });
}

/** For a service that names a time, in milliseconds, before which it takes nothing. */
export function postponed(recipient: Recipient, what: string, milliseconds: number): BackupDataError {
  return failed(recipient, what, { postponed: milliseconds });
}

/** How long the service that failed so is to be left alone, in milliseconds; undefined where it named no time. */
export function postponementOf(error: unknown): number | undefined {
  const cause = error instanceof BackupDataError ? error.cause : undefined;
  const { postponed: milliseconds } = Object(cause) as { postponed?: unknown };
  return typeof milliseconds === 'number' ? milliseconds : undefined;
}

/** For what only a change of the configuration, or at the recipient, can mend. */
export function refused(recipient: Recipient, what: string, hint: string, cause?: unknown): BackupDataError {
  return new BackupDataError('NOTIFICATION_REFUSED', `${described(recipient)} ${what}`, { hint, cause });
}

function described({ name, type, host }: Recipient): string {
  return `the notifier ${name} (${type} at ${host})`;
}

/** `ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`; messages of other programs may quote what they were given. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'it is unknown why';
}
