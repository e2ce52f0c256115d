import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import { errorKey, followRpc, loadService, rpcs, serviceName } from '../../../src/producer/api/grpc/proto.ts';
import { contract, type OperationName } from '../../../src/producer/operations/contract.ts';
import type { Channel } from '../../../src/producer/remote/channel.ts';
import { includesRole, roles } from '../../../src/shared/config/access-schema.ts';
import { hasCode } from '../../../src/shared/errors.ts';
import { callRpc, type GrpcBench, withGrpc } from '../../support/grpc.ts';
import { type Installation, withInstallation } from '../../support/installation.ts';
import { callOfTest } from '../../support/operations.ts';
import { healthOf, reflect, watchHealth } from '../../support/standard-grpc.ts';
import { until } from '../../support/until.ts';

const unused = { databases: { shop: { engine: 'postgres', url: 'postgres://u@127.0.0.1:1/shop' } } };

function withUnused(
  use: (bench: GrpcBench, installation: Installation) => Promise<void>,
  options: Parameters<typeof withGrpc>[2] = {},
): Promise<void> {
  return withInstallation(async (installation) => {
    await installation.configure(unused);
    await withGrpc(installation, (bench) => use(bench, installation), options);
  });
}

/** What every operation can be asked, as a message. */
const requests: Record<OperationName, object> = {
  listDatabases: {},
  listBackups: {},
  showBackup: { backup: 'shop' },
  pinBackup: { backup: 'shop' },
  unpinBackup: { backup: 'shop' },
  backup: { database: 'shop' },
  restore: { backup: 'shop', database: 'shop' },
  verify: { backup: 'shop' },
  copy: { backup: 'shop', to: 'main' },
  previewPrune: {},
  prune: {},
  listSchedules: {},
  runSchedule: { name: 'shop' },
  pauseSchedule: { name: 'shop' },
  resumeSchedule: { name: 'shop' },
  listJobs: {},
  showJob: { jobId: 'no-job' },
  cancelJob: { jobId: 'no-job' },
  retryJob: { jobId: 'no-job' },
};

const names = Object.keys(contract) as OperationName[];

function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', token);
  return metadata;
}

async function streamStatus(channel: Channel, credentials: Metadata): Promise<status | undefined> {
  const { path, requestSerialize, responseDeserialize } = channel.method(followRpc);
  const call = channel.client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    { jobId: 'no-job' },
    credentials,
  );
  const { promise, resolve } = Promise.withResolvers<status | undefined>();
  call.on('error', ({ code }: Error & { code?: status }) => resolve(code));
  call.on('end', () => resolve(undefined));
  call.resume();
  return promise;
}

describe('a call of gRPC', () => {
  it('needs a token that is known, whatever it asks for', () =>
    withUnused(async ({ channel }) => {
      const open = channel();
      assert.deepEqual(Object.keys(loadService()).sort(), [...Object.values(rpcs), followRpc].sort());
      for (const credentials of [new Metadata(), bearer('Basic dTpw'), bearer('Bearer')]) {
        for (const rpc of Object.values(rpcs)) {
          const { error } = await callRpc(open, rpc, {}, { credentials });
          assert.equal(error?.code, status.UNAUTHENTICATED, rpc);
        }
        assert.equal(await streamStatus(open, credentials), status.UNAUTHENTICATED);
      }
      const { error } = await callRpc(open, 'ListDatabases', {}, { credentials: bearer('Bearer guessed') });
      assert.equal(error?.code, status.UNAUTHENTICATED);
      assert.match(String(error.metadata.get(errorKey)[0]), /"code":"UNAUTHENTICATED"/);
    }));

  for (const name of names)
    it(`of ${rpcs[name]} is for ${contract[name].role} and above`, () =>
      withUnused(async ({ channel, tokens }) => {
        for (const role of roles) {
          const message = { ...requests[name], detach: true };
          const { error } = await callRpc(channel({ token: tokens[role] }), rpcs[name], message);
          const refused = error?.code === status.PERMISSION_DENIED;
          assert.equal(refused, !includesRole(role, contract[name].role), `${role}: ${error?.details}`);
          if (refused) assert.match(String(error.metadata.get(errorKey)[0]), /"code":"FORBIDDEN"/);
        }
      }));

  it('that cannot be taken says which field, and how it may be', () =>
    withUnused(async ({ channel }) => {
      const open = channel();
      const bad = await callRpc(open, 'Restore', { backup: '../x', database: '', targetDatabase: 'a\nb' });
      assert.equal(bad.error?.code, status.INVALID_ARGUMENT);
      assert.match(bad.error?.details ?? '', /backup: neither a backup id/);
      assert.match(bad.error?.details ?? '', /database: not a name/);
      assert.match(bad.error?.details ?? '', /target_database: has a control character/);
      const limit = await callRpc(open, 'ListBackups', { limit: -1 });
      assert.match(limit.error?.details ?? '', /limit: /);
    }));

  it('may not be larger than 64 KiB, and leaves the server as it was', () =>
    withUnused(async ({ remote }) => {
      const { operations } = remote();
      const tables = Array.from({ length: 1_000 }, (_, index) => `public.${'t'.repeat(200)}${index}`);
      const request = { backup: 'shop', database: 'shop', tables };
      const options = { create: false, globals: false, noOwner: false, keepOld: false };
      await assert.rejects(
        operations.restore({ ...request, ...options }, callOfTest()),
        (error) => hasCode(error, 'REQUEST_TOO_LARGE') && /64 KiB/.test(error.message),
      );
      assert.equal((await operations.listDatabases({}, callOfTest())).databases.length, 1);
    }));

  it('that fails for a reason of the server is told no more than that', () =>
    withUnused(async ({ remote, loaded, lines }) => {
      loaded.resources.storage = () => Promise.reject(new Error('canary-of-an-internal-failure'));
      const error = await remote()
        .operations.showBackup({ backup: 'shop' }, callOfTest())
        .catch((thrown: unknown) => thrown);
      assert.ok(hasCode(error, 'INTERNAL'), String(error));
      assert.equal(error.message, 'the server failed at this');
      assert.ok(!JSON.stringify({ ...error, cause: null }).includes('canary'));
      assert.deepEqual(lines, ['error a call of gRPC failed']);
    }));
});

describe('the standard services beside it', () => {
  it('tell the health to anybody, and that there are problems', async () => {
    const problems: string[] = [];
    await withUnused(
      async ({ address }) => {
        assert.equal(await healthOf(address, ''), 'SERVING');
        assert.equal(await healthOf(address, serviceName), 'SERVING');
        await assert.rejects(healthOf(address, 'another'), /NOT_FOUND/);
        problems.push('Redis does not answer');
        await until('it says so', async () => (await healthOf(address, serviceName)) === 'NOT_SERVING');
        assert.equal(await healthOf(address, ''), 'NOT_SERVING');
        problems.length = 0;
        await until('it is well again', async () => (await healthOf(address, '')) === 'SERVING');
      },
      { problems: () => problems },
    );
  });

  it('tell who watches the health that the server stops, and do not keep it', () =>
    withUnused(async ({ address, stop }) => {
      const told: string[] = [];
      const watched = watchHealth(address, (each) => told.push(each));
      await until('it is watched', () => told.length === 1);
      const asked = performance.now();
      await stop();
      assert.ok(performance.now() - asked < 5_000);
      await watched;
      assert.deepEqual(told, ['SERVING', 'NOT_SERVING']);
    }));

  it('describe the service to who has a token', () =>
    withUnused(async ({ address, tokens }) => {
      const question = { listServices: '*' };
      const refused = await reflect(address, question, new Metadata());
      assert.ok('code' in refused);
      assert.equal(refused.code, status.UNAUTHENTICATED);
      const viewer = bearer(`Bearer ${tokens.viewer}`);
      const listed = await reflect(address, question, viewer);
      assert.ok('listServicesResponse' in listed);
      const services = listed.listServicesResponse?.service.map(({ name }) => name);
      assert.ok(services?.includes(serviceName), String(services));
      const described = await reflect(address, { fileContainingSymbol: serviceName }, viewer);
      assert.ok('fileDescriptorResponse' in described);
      const text = described.fileDescriptorResponse?.fileDescriptorProto.join('') ?? '';
      for (const word of ['RunBackup', 'StreamProgress', 'expected_bytes'])
        assert.ok(text.includes(word), word);
    }));
});
