import { withGrpc } from '../support/grpc.ts';
import { operationsSuite } from './operations-suite.ts';

operationsSuite('by gRPC', (installation, use) =>
  withGrpc(installation, ({ operations, remote }) =>
    use({ operations: remote().operations, reference: operations }),
  ),
);
