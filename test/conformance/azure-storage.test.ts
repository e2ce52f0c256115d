import { after, before } from 'node:test';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import { startAzurite, type TestAzurite, unfinishedBlobs } from '../support/azurite.ts';
import { storageSuite } from './storage-suite.ts';

let azurite: TestAzurite;
before(async () => {
  azurite = await startAzurite();
});
after(() => azurite.stop());

storageSuite({
  name: 'azure',
  withSubject: async (use) => {
    const container = await azurite.createContainer();
    const config = azurite.config(container.containerName);
    await use({
      storage: await openStorage({ name: 'main', config }),
      unfinished: () => unfinishedBlobs(container),
      outside: async () => (await azurite.containers()).filter((name) => name !== container.containerName),
    });
    await container.delete();
  },
});
