import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from '@grpc/grpc-js';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Access, Caller } from '../../identity/access.ts';
import type { Failure } from './status.ts';

export interface Authentication {
  /** In front of every service, reflection too; a call that it refuses is not read any further. */
  interceptor: ServerInterceptor;
  /** Who made a call. */
  callerOf(metadata: Metadata): Caller;
}

/** What a load balancer asks, which has no token. */
const open = '/grpc.health.v1.Health/';

/** Lets in who has a token, as long as they do not ask too often. */
export function authenticate(options: {
  access: Pick<Access, 'authenticate' | 'enter' | 'count'>;
  failure: (thrown: unknown, path: string) => Failure;
}): Authentication {
  const { access, failure } = options;
  const callers = new WeakMap<Metadata, Caller>();
  const admit = async (metadata: Metadata, peer: string): Promise<void> => {
    const origin = { face: 'grpc', address: addressOf(peer) } as const;
    const caller = access.enter(await access.authenticate(tokenOf(metadata), origin), origin);
    await access.count(caller);
    callers.set(metadata, caller);
  };
  const interceptor: ServerInterceptor = ({ path }, call) => {
    if (path.startsWith(open)) return new ServerInterceptingCall(call);
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        admit(metadata, call.getPeer()).then(
          () => next(metadata),
          (error: unknown) => call.sendStatus(failure(error, path)),
        );
      })
      .build();
    const responder = new ResponderBuilder().withStart((next) => next(listener)).build();
    return new ServerInterceptingCall(call, responder);
  };
  const callerOf = (metadata: Metadata): Caller => {
    const caller = callers.get(metadata);
    if (caller) return caller;
    throw unauthenticated();
  };
  return { interceptor, callerOf };
}

function tokenOf(metadata: Metadata): string {
  const [value] = metadata.get('authorization');
  const token = /^Bearer +(\S+)$/i.exec(String(value ?? ''))?.[1];
  if (token !== undefined) return token;
  throw unauthenticated();
}

function unauthenticated(): BackupDataError {
  return new BackupDataError('UNAUTHENTICATED', 'the call has no credentials', {
    hint: 'Send a token in its metadata: authorization: Bearer TOKEN. `backupdata token create` makes one.',
  });
}

/** Without the port, and the same whether or not an IPv6 socket took it. */
function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^::ffff:(?=\d+\.)/, '');
}
