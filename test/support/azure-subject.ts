import type { ContainerClient } from '@azure/storage-blob';
import { createAzureStorage } from '../../src/pipeline/storage/azure/azure.ts';
import type { Storage } from '../../src/pipeline/storage/storage.ts';
import type { AzureStorageConfig } from '../../src/shared/config/storage-schema.ts';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { type FaultyWay, openFaultyWay } from './azure-faults.ts';
import { type TestAzurite, unfinishedBlobs } from './azurite.ts';

/** A new container, and two storages in it. */
export interface AzureSubject {
  /** Through the way, on which requests can go wrong. */
  storage: Storage;
  /** Straight to the server. */
  direct: Storage;
  way: FaultyWay;
  /** The container as anyone else sees it. */
  container: ContainerClient;
  unfinished(): Promise<string[]>;
}

export interface AzureSubjectOptions {
  config?: Partial<AzureStorageConfig>;
  requestTimeout?: number;
  clock?: () => Date;
}

export async function withAzureSubject(
  azurite: TestAzurite,
  use: (subject: AzureSubject) => Promise<void>,
  options: AzureSubjectOptions = {},
): Promise<void> {
  const { config = {}, requestTimeout, clock } = options;
  await withReleases(async (releases) => {
    const container = await azurite.createContainer();
    releases.push(async () => void (await container.delete()));
    const way = await openFaultyWay(azurite.port);
    releases.push(way.close);
    const create = (port: number) =>
      createAzureStorage({
        name: 'main',
        config: { ...azurite.config(container.containerName, port), ...config },
        randomText: randomTexts(),
        requestTimeout,
        clock,
      });
    await use({
      storage: create(way.port),
      direct: create(azurite.port),
      way,
      container,
      unfinished: () => unfinishedBlobs(container),
    });
  });
}

let storages = 0;

function randomTexts(): () => string {
  storages += 1;
  const own = storages.toString(36).padStart(4, '0');
  let texts = 0;
  return () => {
    texts += 1;
    return own + texts.toString(36).padStart(4, '0');
  };
}
