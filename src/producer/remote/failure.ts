import { type ServiceError, status } from '@grpc/grpc-js';
import { BackupDataError, fromErrorDocument } from '../../shared/errors.ts';
import { readErrorDocument } from '../api/grpc/messages.ts';
import { errorKey, messageLimits } from '../api/grpc/proto.ts';

/** A call's failure as the server's own error, or as what became of the way to it. */
export function failureFrom(error: ServiceError, address: string): BackupDataError {
  const [json] = error.metadata?.get(errorKey) ?? [];
  const document = json === undefined ? undefined : readErrorDocument(json.toString());
  if (document) return fromErrorDocument(document);
  if (error.code === status.UNAVAILABLE) return unavailable(address, reasonOf(error.details), error);
  if (error.code === status.RESOURCE_EXHAUSTED) return tooLarge(error);
  if (error.code === status.UNIMPLEMENTED)
    return new BackupDataError('ROUTE_NOT_FOUND', `the server at ${shown(address)} does not know this call`, {
      hint: 'It is of another release, or another program; use the same release on both sides.',
      cause: error,
    });
  return new BackupDataError('INTERNAL', `the server at ${shown(address)} failed: ${error.details}`, {
    cause: error,
  });
}

/** Nothing answers there. */
export function unavailable(address: string, reason: string, cause?: unknown): BackupDataError {
  return new BackupDataError(
    'SERVER_UNAVAILABLE',
    `the server at ${shown(address)} does not answer: ${reason}`,
    {
      hint: isOfTls(reason)
        ? 'Check that both sides use TLS, and that each knows the authority of the other’s certificate.'
        : 'Check that `backupdata serve` runs there, its GRPC_PORT, and whether it uses TLS.',
      cause,
    },
  );
}

function shown(address: string): string {
  return address.replace(/^dns:/, '');
}

/** What the library says, without the words that it puts around it. */
function reasonOf(details: string): string {
  const [, last = details] = /Last error: (.*?)\.? ?(?:Resolution note: .*)?$/s.exec(details) ?? [];
  const [, ofTls] = /:SSL routines:[^:]*:([^:]+):/.exec(last) ?? [];
  const reason = (ofTls ?? last).replace(/^Error: /, '').replace(/\s*\([\dT:.-]+Z\)$/, '');
  return reason === 'null' || reason === 'Failed to connect' ? 'the connection ended at once' : reason;
}

function isOfTls(reason: string): boolean {
  return /certificate|SSL|TLS|altnames|ERR_|EPROTO/i.test(reason);
}

function tooLarge(cause: ServiceError): BackupDataError {
  if (
    /^(Sent|Received) message/.test(cause.details) &&
    !cause.details.includes(String(messageLimits.request))
  )
    return new BackupDataError('REQUEST_TOO_LARGE', 'the answer is too large for one message (16 MiB)', {
      hint: 'Ask for less: for one database, or in pages.',
      cause,
    });
  return new BackupDataError('REQUEST_TOO_LARGE', 'the request is too large for one message (64 KiB)', {
    hint: 'Ask for less at once.',
    cause,
  });
}
