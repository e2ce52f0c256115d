import { createTools } from '../../src/pipeline/process/tools.ts';
import { createResources } from '../../src/pipeline/resources.ts';
import { openQueueAccess, type QueueAccess } from '../../src/producer/client/open.ts';
import type { Loaded } from '../../src/producer/current.ts';
import type { Call, Operations } from '../../src/producer/operations/contract.ts';
import { createOperations } from '../../src/producer/operations/operations.ts';
import { loadConfig } from '../../src/shared/config/load.ts';
import { Secret } from '../../src/shared/secret.ts';
import type { Installation } from './installation.ts';
import { abortableDelay } from './until.ts';

/** The operations of an installation, done in this process. */
export interface LocalOperations {
  operations: Operations;
  loaded: Loaded;
  queues: QueueAccess;
}

/** With the configuration as it is now. */
export async function withOperations(
  { env, path }: Pick<Installation, 'env' | 'path'>,
  use: (local: LocalOperations) => Promise<void>,
): Promise<void> {
  const config = await loadConfig({ file: undefined, env, cwd: path });
  const tools = createTools({ path: env.PATH ?? '', only: undefined });
  const loaded = { config, resources: createResources({ config, tools }) };
  const queues = openQueueAccess({ config: () => config, redisUrl: new Secret(env.REDIS_URL ?? '') });
  const operations = createOperations({
    current: () => loaded,
    queues,
    cache: undefined,
    clock: () => new Date(),
    wait: abortableDelay,
  });
  try {
    await use({ operations, loaded, queues });
  } finally {
    await queues.close();
  }
}

/** Of somebody who waits for as long as a test may take, and sees everything. */
export function callOfTest(signal: AbortSignal = new AbortController().signal): Call {
  return { signal, by: 'a test', sees: () => true };
}
