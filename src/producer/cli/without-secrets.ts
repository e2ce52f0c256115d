import { asBackupDataError, BackupDataError } from '../../shared/errors.ts';
import type { CliContext } from './context.ts';

/**
 * The error with every secret masked that this process may have given to a tool: what a tool says may quote it. A
 * worker does the same to what it queues.
 */
export async function withoutSecrets(
  { config, host }: Pick<CliContext, 'config' | 'host'>,
  error: unknown,
): Promise<unknown> {
  if (host.signal.aborted && !(error instanceof BackupDataError)) return error;
  const { createRedactor } = await import('../../shared/redact.ts');
  // A configuration that cannot be read gave no secret away.
  const configured = await config().then(
    ({ secrets }) => secrets,
    () => [],
  );
  const { PGPASSWORD: ofTarget } = host.env;
  const { text } = createRedactor(ofTarget === undefined ? configured : [...configured, ofTarget]);
  const { code, message, hint } = asBackupDataError(error);
  return new BackupDataError(code, text(message), {
    ...(hint !== null && { hint: text(hint) }),
    cause: error,
  });
}
