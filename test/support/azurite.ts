import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BlobServiceClient,
  type ContainerClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { AzureStorageConfig } from '../../src/shared/config/storage-schema.ts';
import { Secret } from '../../src/shared/secret.ts';
import { readUntil } from './lines.ts';
import { onFreePort } from './ports.ts';

/** Azure's own emulator of its Blob service on a free loopback port, its data in a temporary directory. */
export interface TestAzurite {
  port: number;
  account: string;
  accountKey: string;
  /** That of the account: `http://127.0.0.1:PORT/ACCOUNT` */
  endpoint: string;
  connectionString: string;
  /** A storage in the container, by account and key; through another port where one is given. */
  config(container: string, through?: number): AzureStorageConfig;
  /** Makes a new container; its client looks at it from the outside. */
  createContainer(): Promise<ContainerClient>;
  /** The names of all containers. */
  containers(): Promise<string[]>;
  /** A token for one container; all permissions that a storage needs unless others are given (`r`, `rcwdl`). */
  sasToken(container: string, options?: { permissions?: string; expiresOn?: Date }): string;
  /** Ends the server at once and removes its data. Harmless twice. */
  stop(): Promise<void>;
}

/** The blobs that have blocks and were never committed, and those that stand for blocks that are being removed. */
export async function unfinishedBlobs(container: ContainerClient): Promise<string[]> {
  const all = await Array.fromAsync(container.listBlobsFlat({ includeUncommitedBlobs: true }));
  return all
    .filter(({ properties }) => !properties.contentType || properties.contentType.includes('backupdata'))
    .map(({ name }) => name);
}

export async function startAzurite(): Promise<TestAzurite> {
  const directory = await mkdtemp(join(tmpdir(), 'azurite-'));
  const account = `test${randomBytes(4).toString('hex')}`;
  const accountKey = randomBytes(64).toString('base64');
  try {
    const { port, server } = await onFreePort((free) =>
      launch({ directory, port: free, accounts: `${account}:${accountKey}` }),
    );
    return controls({ directory, account, accountKey, port, server });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

interface Running {
  directory: string;
  account: string;
  accountKey: string;
  port: number;
  server: ChildProcess;
}

function controls({ directory, account, accountKey, port, server }: Running): TestAzurite {
  const endpoint = `http://127.0.0.1:${port}/${account}`;
  const credential = new StorageSharedKeyCredential(account, accountKey);
  const service = new BlobServiceClient(endpoint, credential);
  return {
    port,
    account,
    accountKey,
    endpoint,
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};BlobEndpoint=${endpoint};`,
    config: (container, through = port) => ({
      type: 'azure',
      container,
      account,
      accountKey: new Secret(accountKey),
      endpoint: `http://127.0.0.1:${through}/${account}`,
    }),
    createContainer: async () =>
      (await service.createContainer(`test-${randomBytes(6).toString('hex')}`)).containerClient,
    containers: () => Array.fromAsync(service.listContainers(), ({ name }) => name),
    sasToken: (containerName, { permissions = 'rcwdl', expiresOn = inAnHour() } = {}) =>
      generateBlobSASQueryParameters(
        { containerName, permissions: ContainerSASPermissions.parse(permissions), expiresOn },
        credential,
      ).toString(),
    stop: async () => {
      if (server.exitCode === null && server.signalCode === null) {
        const gone = once(server, 'close');
        server.kill('SIGKILL');
        await gone;
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function inAnHour(): Date {
  return new Date(Date.now() + 3_600_000);
}

/** Resolves once the server answers; otherwise throws what it printed. */
async function launch(options: { directory: string; port: number; accounts: string }): Promise<ChildProcess> {
  const { directory, port, accounts } = options;
  const program = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js');
  const settings = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', directory];
  // The client library speaks a newer version of the protocol than the emulator knows by name.
  const flags = ['--silent', '--disableTelemetry', '--skipApiVersionCheck'];
  const [command = '', ...args] = [...diesWithParent, process.execPath, program, ...settings, ...flags];
  // Its warnings are not this project's, so they stay out of the run's log of warnings.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const server = spawn(command, args, {
    cwd: directory,
    env: { ...env, AZURITE_ACCOUNTS: accounts },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed: string[] = [];
  server.once('error', (error) => printed.push(error.message));
  server.stderr.on('data', (chunk: Buffer) => printed.push(String(chunk)));
  const ready = await readUntil(server.stdout, 'successfully listens', printed);
  if (!ready) throw new Error(`azurite did not start: ${printed.slice(-5).join('\n')}`);
  server.stdout.resume();
  return server;
}

/** A test process that is killed takes its servers with it. */
const diesWithParent = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL'] : [];
