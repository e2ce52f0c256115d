import { after, before } from 'node:test';
import { openStorage } from '../../src/pipeline/storage/open.ts';
import type { AzureStorageConfig } from '../../src/shared/config/storage-schema.ts';
import { Secret } from '../../src/shared/secret.ts';
import { startAzurite, type TestAzurite, unfinishedBlobs } from '../support/azurite.ts';
import type { StorageStrangers, StorageSubject } from './storage/subject.ts';
import { storageSuite } from './storage-suite.ts';

let azurite: TestAzurite;
before(async () => {
  azurite = await startAzurite();
});
after(() => azurite.stop());

const subjects = {
  withSubject: async (use: (subject: StorageSubject) => Promise<void>) => {
    const container = await azurite.createContainer();
    const own = container.containerName;
    await use({
      storage: await openStorage({ name: 'main', config: azurite.config(own) }),
      unfinished: () => unfinishedBlobs(container),
      outside: async () => (await azurite.containers()).filter((name) => name !== own),
    });
    await container.delete();
  },
  withStrangers: async (use: (strangers: StorageStrangers) => Promise<void>) => {
    const { account, accountKey, endpoint } = azurite;
    const config = azurite.config((await azurite.createContainer()).containerName);
    const open = (wrong: Partial<AzureStorageConfig>) =>
      openStorage({ name: 'main', config: { ...config, ...wrong } });
    await use({
      wrongKey: await open({ account: 'nobody', endpoint: endpoint.replace(account, 'nobody') }),
      wrongSecret: await open({ accountKey: new Secret(Buffer.alloc(64).toString('base64')) }),
      missing: await open({ container: 'missing' }),
      secrets: [accountKey],
    });
  },
};

storageSuite({ name: 'azure', ...subjects });
