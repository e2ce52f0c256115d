import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { type CephPorts, cephConfiguration } from './ceph-configuration.ts';
import { freePort } from './ports.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** What a client of an S3 server needs to know. */
export interface S3Account {
  /** `http://127.0.0.1:PORT`; buckets stand in the path. */
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** A real S3 server on free loopback ports: Ceph's gateway over a monitor and one store in memory. */
export interface TestCeph extends S3Account {
  /** Makes an empty bucket with a name of its own. */
  createBucket(): Promise<string>;
  /** Ends it at once and removes its data. */
  stop(): Promise<void>;
}

/** What must be installed; `script/bootstrap` sees to it where there are packages. */
const programs = ['monmaptool', 'ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph'];

/** The server that the run shares, by BACKUPDATA_TEST_S3; where that is not set, one of its own. */
export async function sharedCeph(): Promise<TestCeph> {
  const url = process.env.BACKUPDATA_TEST_S3;
  if (url === undefined) return startCeph();
  const { username, password, origin } = new URL(url);
  const account = { endpoint: origin, accessKeyId: username, secretAccessKey: password };
  return { ...account, createBucket: () => createBucket(account), stop: async () => undefined };
}

/** As one text for BACKUPDATA_TEST_S3: `http://KEY:SECRET@127.0.0.1:PORT`. */
export function urlOf({ endpoint, accessKeyId, secretAccessKey }: S3Account): string {
  return Object.assign(new URL(endpoint), { username: accessKeyId, password: secretAccessKey }).href;
}

/** The programs of Ceph that this machine lacks. */
export async function missingCephPrograms(): Promise<string[]> {
  const tools = createTools({ path: process.env.PATH ?? '', only: undefined });
  const found = await Promise.all(programs.map((program) => tools.find(program)));
  return programs.filter((_, index) => found[index] === undefined);
}

export async function startCeph(): Promise<TestCeph> {
  const missing = await missingCephPrograms();
  if (missing.length > 0) {
    throw new Error(
      `${missing.join(', ')} of Ceph are not installed: run script/bootstrap (on Debian \`apt-get install radosgw ceph-mon ceph-osd\`)`,
    );
  }
  for (let tries = 1; ; tries += 1) {
    const cluster = await openCluster();
    try {
      return await launch(cluster);
    } catch (error) {
      await stop(cluster);
      // Another process may have been quicker to take one of the ports.
      if (tries === 3) throw error;
    }
  }
}

interface Cluster {
  directory: string;
  configuration: string;
  fsid: string;
  ports: CephPorts;
  daemons: ChildProcess[];
}

async function openCluster(): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), 'ceph-'));
  const ports = {
    gateway: await freePort(),
    monitor: [await freePort(), await freePort()],
    store: await freePort(),
  };
  const configuration = join(directory, 'ceph.conf');
  const fsid = randomUUID();
  for (const each of ['mon', 'osd', 'rgw', 'run']) await mkdir(join(directory, each));
  await writeFile(configuration, cephConfiguration({ directory, fsid, ports }));
  await writeFile(join(directory, 'keyring'), '');
  return { directory, configuration, fsid, ports, daemons: [] };
}

async function launch(cluster: Cluster): Promise<TestCeph> {
  const account = {
    endpoint: `http://127.0.0.1:${cluster.ports.gateway}`,
    accessKeyId: randomBytes(10).toString('hex'),
    secretAccessKey: randomBytes(20).toString('hex'),
  };
  await startMonitor(cluster);
  await startStore(cluster);
  await startGateway(cluster, account.endpoint);
  const user = ['user', 'create', '--uid=test', '--display-name=test'];
  const keys = [`--access-key=${account.accessKeyId}`, `--secret-key=${account.secretAccessKey}`];
  await run('radosgw-admin', ['-c', cluster.configuration, '-n', 'client.rgw.a', ...user, ...keys]);
  return { ...account, createBucket: () => createBucket(account), stop: () => stop(cluster) };
}

async function startMonitor(cluster: Cluster): Promise<void> {
  const { directory, configuration, fsid, ports } = cluster;
  const map = join(directory, 'monmap');
  const [v2, v1] = ports.monitor.map(String);
  const addresses = `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`;
  await run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', addresses, map]);
  await run('ceph-mon', ['-c', configuration, '--mkfs', '-i', 'a', '--monmap', map]);
  startDaemon(cluster, 'ceph-mon', ['-i', 'a']);
  await untilUp(cluster, 'the monitor answers', () => ceph(cluster, 'quorum_status'));
}

async function startStore(cluster: Cluster): Promise<void> {
  const id = randomUUID();
  await ceph(cluster, 'osd', 'new', id);
  await run('ceph-osd', ['-c', cluster.configuration, '-i', '0', '--mkfs', '--osd-uuid', id]);
  startDaemon(cluster, 'ceph-osd', ['-i', '0']);
  await untilUp(cluster, 'the store is up', async () => {
    if (!(await ceph(cluster, 'osd', 'stat')).includes('1 up')) throw new Error('it is not up yet');
  });
}

async function startGateway(cluster: Cluster, endpoint: string): Promise<void> {
  startDaemon(cluster, 'radosgw', ['-n', 'client.rgw.a']);
  await untilUp(cluster, 'the gateway answers', async () => {
    await (await fetch(endpoint)).text();
  });
}

async function ceph({ configuration }: Cluster, ...args: string[]): Promise<string> {
  const { stdout } = await run('ceph', ['-c', configuration, '--connect-timeout', '3', ...args]);
  return stdout;
}

/** In the data directory, so that the run finds it should it ever be left behind. */
function startDaemon(
  { directory, configuration, daemons }: Cluster,
  program: string,
  args: readonly string[],
): void {
  const output = openSync(join(directory, `${program}.out`), 'a');
  const daemon = spawn('setpriv', ['--pdeathsig', 'KILL', program, '-c', configuration, '-f', ...args], {
    cwd: directory,
    stdio: ['ignore', output, output],
  });
  daemons.push(daemon);
}

async function untilUp(cluster: Cluster, what: string, probe: () => Promise<unknown>): Promise<void> {
  try {
    await until(
      what,
      async () => {
        if (cluster.daemons.some((daemon) => daemon.exitCode !== null))
          throw new Error('a program of Ceph ended');
        return probe().then(
          () => true,
          () => false,
        );
      },
      60_000,
    );
  } catch (error) {
    throw new Error(`Ceph did not start: ${await lastWords(cluster)}`, { cause: error });
  }
}

async function lastWords({ directory }: Cluster): Promise<string> {
  const outputs = (await readdir(directory)).filter((name) => name.endsWith('.out'));
  const texts = await Promise.all(outputs.map((name) => readFile(join(directory, name), 'utf8')));
  return texts.map((text) => text.trim().split('\n').slice(-3).join('\n')).join('\n');
}

async function stop({ daemons, directory }: Cluster): Promise<void> {
  await Promise.all(
    daemons
      .filter((daemon) => daemon.exitCode === null && daemon.signalCode === null)
      .map(async (daemon) => {
        const gone = once(daemon, 'close');
        daemon.kill('SIGKILL');
        await gone;
      }),
  );
  await rm(directory, { recursive: true, force: true });
}

async function createBucket(account: S3Account): Promise<string> {
  const client = openS3(account);
  try {
    const Bucket = `b-${randomBytes(8).toString('hex')}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    return Bucket;
  } finally {
    client.destroy();
  }
}

/** The stock client, to look at a server past the code under test. */
export function openS3({ endpoint, ...credentials }: S3Account): S3Client {
  return new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true });
}
