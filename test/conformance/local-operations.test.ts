import { withOperations } from '../support/operations.ts';
import { operationsSuite } from './operations-suite.ts';

operationsSuite('in this process', (installation, use) =>
  withOperations(installation, ({ operations }) => use({ operations, reference: operations })),
);
