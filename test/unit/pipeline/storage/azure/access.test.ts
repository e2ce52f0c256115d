import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createAzureStorage } from '../../../../../src/pipeline/storage/azure/azure.ts';
import type { Storage } from '../../../../../src/pipeline/storage/storage.ts';
import type { AzureStorageConfig } from '../../../../../src/shared/config/storage-schema.ts';
import { BackupDataError } from '../../../../../src/shared/errors.ts';
import { createLogger } from '../../../../../src/shared/logger.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { bodyOf, keysOf, readObject } from '../../../../conformance/storage/subject.ts';
import { withAzureSubject } from '../../../../support/azure-subject.ts';
import { startAzurite, type TestAzurite } from '../../../../support/azurite.ts';
import { freePort } from '../../../../support/ports.ts';

const large = 9 * 1024 * 1024;

describe('access to Azure', () => {
  let azurite: TestAzurite;
  before(async () => {
    azurite = await startAzurite();
  });
  after(() => azurite.stop());

  it('is had by account and key, by SAS token and by connection string', async ({ signal }) => {
    const { account, endpoint, connectionString } = azurite;
    const { containerName: container } = await azurite.createContainer();
    const sas = azurite.sasToken(container);
    const byToken = `BlobEndpoint=${endpoint};SharedAccessSignature=${sas}`;
    const elsewhere = connectionString.replace(
      /BlobEndpoint=[^;]+/,
      'BlobEndpoint=http://127.0.0.1:1/nobody',
    );
    const ways: Partial<AzureStorageConfig>[] = [
      azurite.config(container),
      { ...azurite.config(container), endpoint: `${endpoint}/` },
      { account, endpoint, sasToken: new Secret(sas) },
      { account, endpoint, sasToken: new Secret(`?${sas}`) },
      { connectionString: new Secret(connectionString) },
      { connectionString: new Secret(byToken) },
      { connectionString: new Secret(elsewhere), endpoint },
    ];
    for (const [index, way] of ways.entries()) {
      const storage = open({ type: 'azure', container, ...way });
      const key = `shop/data/${index}`;
      const content = Buffer.alloc(large, String(index));
      await storage.put(key, bodyOf(content), { signal });
      assert.ok(content.equals(await readObject(storage, key, signal)));
      assert.equal(await storage.sweep('', new Date(), signal), 0);
      assert.deepEqual(await keysOf(storage, '', signal), [key]);
      await storage.remove([key], signal);
    }
  });

  it('is refused at once with STORAGE_AUTH, which shows no secret anywhere', async ({ signal }) => {
    const { account, accountKey, endpoint } = azurite;
    const { containerName: container } = await azurite.createContainer();
    const wrongKey = Buffer.alloc(64, 'secret').toString('base64');
    const expired = azurite.sasToken(container, { expiresOn: new Date(Date.now() - 60_000) });
    const forged = azurite.sasToken(container).replace(/sig=[^&]+/, 'sig=c2VjcmV0U2VjcmV0%2BU2VjcmV0');
    const nobody = endpoint.replace(account, 'nobody');
    const connectionString = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${wrongKey};BlobEndpoint=${endpoint}`;
    const refused: Partial<AzureStorageConfig>[] = [
      { account, endpoint, accountKey: new Secret(wrongKey) },
      { account: 'nobody', endpoint: nobody, accountKey: new Secret(accountKey) },
      { account, endpoint, sasToken: new Secret(expired) },
      { account, endpoint, sasToken: new Secret(forged) },
      { connectionString: new Secret(connectionString) },
      { connectionString: new Secret(`BlobEndpoint=${endpoint};SharedAccessSignature=${forged}`) },
    ];
    const secrets = [wrongKey, accountKey, expired, forged, ...[expired, forged].flatMap(signatures)];
    for (const config of refused) {
      for (const error of await failures(open({ type: 'azure', container, ...config }), signal)) {
        assert.equal(error.code, 'STORAGE_AUTH', error.message);
        assertTold(error, secrets);
      }
    }
  });

  it('is refused with STORAGE_AUTH where a token does not permit what is asked', async ({ signal }) => {
    const { account, endpoint } = azurite;
    const { containerName: container } = await azurite.createContainer();
    const sasToken = new Secret(azurite.sasToken(container, { permissions: 'rl' }));
    const storage = open({ type: 'azure', container, account, endpoint, sasToken });
    for (const call of [
      () => storage.put('a', Buffer.from('x'), { signal }),
      () => storage.put('a', bodyOf(Buffer.alloc(large)), { signal }),
      () => storage.remove(['a'], signal),
    ])
      await assert.rejects(call(), { code: 'STORAGE_AUTH', hint: /permissions read, create, write/ });
    assert.deepEqual(await keysOf(storage, '', signal), []);
  });

  it('finds no container with STORAGE_MISSING, and no server with STORAGE_UNAVAILABLE', async ({
    signal,
  }) => {
    const { account, accountKey, connectionString } = azurite;
    const nowhere = `http://127.0.0.1:${await freePort()}/${account}`;
    for (const [code, config] of [
      ['STORAGE_MISSING', azurite.config('not-there')],
      ['STORAGE_MISSING', { connectionString: new Secret(connectionString), container: 'not-there' }],
      ['STORAGE_UNAVAILABLE', { ...azurite.config('any'), endpoint: nowhere }],
    ] as const) {
      const storage = open({ type: 'azure', ...config });
      for (const error of await failures(storage, signal)) {
        assert.equal(error.code, code, error.message);
        assertTold(error, [accountKey]);
      }
      await assert.rejects(storage.remove(['a'], signal), { code });
    }
  });

  it('says what each answer means', async ({ signal }) => {
    await withAzureSubject(azurite, async ({ storage, way }) => {
      const meanings = [
        [500, 'InternalError', 'STORAGE_UNAVAILABLE', /code says/],
        [503, 'ServerBusy', 'STORAGE_UNAVAILABLE', /code says/],
        [429, 'TooManyRequests', 'STORAGE_UNAVAILABLE', /code says/],
        [502, undefined, 'STORAGE_UNAVAILABLE', /code says/],
        [409, 'BlobArchived', 'STORAGE_UNAVAILABLE', /Archive tier/],
        [400, 'InvalidResourceName', 'STORAGE_UNAVAILABLE', /name of the container/],
        [401, 'NoAuthenticationInformation', 'STORAGE_AUTH', /permissions/],
        [403, 'AuthenticationFailed', 'STORAGE_AUTH', /clock/],
        [403, 'AuthorizationFailure', 'STORAGE_AUTH', /firewall/],
        [403, undefined, 'STORAGE_AUTH', /permissions/],
        [404, 'ResourceNotFound', 'STORAGE_AUTH', /name of the account/],
        [409, 'PublicAccessNotPermitted', 'STORAGE_AUTH', /permissions/],
        [404, undefined, 'STORAGE_UNAVAILABLE', /code says/],
        [507, undefined, 'STORAGE_FULL', /prune/],
        [409, 'AccountQuotaExceeded', 'STORAGE_FULL', /prune/],
        [404, 'ContainerNotFound', 'STORAGE_MISSING', /Create the container/],
        [409, 'ContainerBeingDeleted', 'STORAGE_MISSING', /Create the container/],
        [404, 'BlobNotFound', 'OBJECT_NOT_FOUND', /list/],
      ] as const;
      for (const [status, answered, code, hint] of meanings) {
        way.faults(() => ({ kind: 'answer', status, code: answered }));
        for (const call of [
          () => storage.stat('a', signal),
          () => storage.get('a', { signal }),
          () => storage.put('a', Buffer.from('x'), { signal }),
        ])
          await assert.rejects(call(), { code, hint }, `${status} ${answered}`);
      }
    });
  });

  it('keeps to its prefix, however long the keys', async ({ signal }) => {
    const config = { prefix: 'team/prod' };
    await withAzureSubject(
      azurite,
      async ({ direct, container }) => {
        for (const name of ['team/prod2/a', 'team/a', 'a', 'team/prod'])
          await container.getBlockBlobClient(name).upload('foreign', 7);
        const longest = `${'abcdefg/'.repeat(126)}123456`;
        for (const key of ['a', longest]) await direct.put(key, Buffer.from('ours'), { signal });
        assert.deepEqual(await keysOf(direct, '', signal), ['a', longest]);
        assert.equal(String(await readObject(direct, 'a', signal)), 'ours');
        assert.equal(
          (await container.getBlobClient(`team/prod/${longest}`).getProperties()).contentLength,
          4,
        );
        const tooLong = `${longest}7`;
        for (const call of [
          () => direct.put(tooLong, Buffer.from('x'), { signal }),
          () => direct.get(tooLong, { signal }),
          () => direct.stat(tooLong, signal),
          () => direct.remove([tooLong], signal),
        ])
          await assert.rejects(call(), { code: 'KEY_INVALID', message: /behind the prefix of main/ });
        await direct.remove(['a', longest], signal);
        const left = await Array.fromAsync(container.listBlobsFlat(), ({ name }) => name);
        assert.deepEqual(left, ['a', 'team/a', 'team/prod', 'team/prod2/a']);
      },
      { config },
    );
  });

  it('cannot be opened with a connection string that is none, which is not shown', () => {
    for (const text of [
      'verySecretText',
      'AccountName=a;AccountKey=verySecretText',
      'BlobEndpoint=http://verySecretText',
    ])
      assert.throws(
        () => open({ type: 'azure', container: 'c', connectionString: new Secret(text) }),
        (error) => {
          assert.ok(error instanceof BackupDataError);
          assert.equal(error.code, 'CONFIG_INVALID');
          assertTold(error, ['verySecretText']);
          return true;
        },
      );
  });
});

function open(config: AzureStorageConfig): Storage {
  return createAzureStorage({ name: 'main', config, randomText: () => 'abcdefgh' });
}

/** What every method that asks the store throws. */
async function failures(storage: Storage, signal: AbortSignal): Promise<BackupDataError[]> {
  const body = bodyOf(Buffer.alloc(large));
  const calls = [
    () => storage.put('a', Buffer.alloc(5_000_000), { signal, ifAbsent: true }),
    () => storage.put('a', bodyOf(Buffer.alloc(100)), { signal }),
    () => storage.put('a', body, { signal }),
    () => storage.get('a', { signal }),
    () => storage.stat('a', signal),
    () => keysOf(storage, '', signal),
    () => storage.sweep('', new Date(), signal),
    () => storage.remove(['a'], signal),
  ];
  const errors: BackupDataError[] = [];
  for (const call of calls) {
    const error = await call().then(
      () => assert.fail('it succeeded'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof BackupDataError, String(error));
    errors.push(error);
  }
  assert.ok(body.destroyed, 'the body is left open');
  return errors;
}

/** Says which storage and what to do, and shows none of the secrets, by whatever means it is printed. */
function assertTold(error: BackupDataError, secrets: readonly string[]): void {
  assert.match(error.message, /the storage main/);
  assert.match(error.hint ?? '', /^[A-Z].*\.$/);
  const shown = [
    inspect(error, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify({ error, cause: error.cause }),
    logged(error),
    ...textsWithin(error),
  ].join('\n');
  for (const secret of secrets) {
    assert.ok(!shown.includes(secret), `${secret} is shown:\n${shown}`);
    assert.ok(!shown.includes(encodeURIComponent(secret)), `${secret} is shown:\n${shown}`);
  }
}

/** Every text that can be reached from a value, hidden properties included. */
function textsWithin(value: unknown, seen: Set<unknown> = new Set()): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  const entries = value instanceof Map ? [...value.values()] : [];
  const properties = Object.values(Object.getOwnPropertyDescriptors(value)).map((each) => each.value);
  return [...entries, ...properties].flatMap((each) => textsWithin(each, seen));
}

/** As a logger that knows no secret prints it. */
function logged(error: BackupDataError): string {
  const destination = new PassThrough();
  createLogger({ level: 'debug', format: 'json', secrets: [], destination }).error('it failed', { error });
  return String(destination.read());
}

function signatures(token: string): string[] {
  const signature = /sig=([^&]+)/.exec(token)?.[1] ?? '';
  return [signature, decodeURIComponent(signature)];
}
