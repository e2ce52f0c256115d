import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connectRemote } from '../../src/producer/remote/remote.ts';
import { makeAgeKey } from '../support/age.ts';
import { type Api, send, withApi } from '../support/api.ts';
import { operationsOf, readDocument } from '../support/api-document.ts';
import { argumentsOfAll, assertSilent, everythingInRedis, type Said } from '../support/eavesdrop.ts';
import { startHttpSink } from '../support/http-sink.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/** Secrets of the configuration that appear nowhere else. */
const canaries = {
  database: 'Canary-database-1x',
  storageKey: 'Canary-storage-2x',
  webhook: 'Canary-webhook-3x',
  signature: 'Canary-signature-4x',
  mail: 'Canary-mail-5x',
};
const key = await makeAgeKey();

/** A storage and a webhook that refuse everything at once, at that address. */
const configFor = (refusing: string) => ({
  identities: [key.identity.reveal()],
  storages: {
    bucket: {
      type: 's3',
      bucket: 'none',
      endpoint: refusing,
      region: 'us-east-1',
      accessKeyId: 'id',
      secretAccessKey: canaries.storageKey,
    },
  },
  notifiers: {
    hook: {
      type: 'webhook',
      url: `${refusing}/${canaries.webhook}`,
      secret: canaries.signature,
      allowPrivate: true,
    },
    mail: {
      type: 'email',
      url: `smtp://user:${canaries.mail}@127.0.0.1:1`,
      from: 'a@example.com',
      to: ['b@example.com'],
      allowPrivate: true,
    },
  },
});

describe('a secret of the configuration, a token or the id of a session', () => {
  it('is in no answer of any face, no page, no job, no log, no metric, no record, and no argument', async (context) => {
    const redis = await startRedis();
    const refusing = await startHttpSink();
    refusing.answer(403);
    try {
      await withApi(
        async (api) => {
          const session = await signIn(api);
          const words = [
            ...Object.values(canaries),
            ...Object.values(api.tokens),
            key.identity.reveal(),
            session,
            new URL(redis.url).password,
          ];
          for (const [name, collect] of Object.entries(placesOf(api, session)))
            await context.test(name, async () => assertSilent(await collect(), words));
        },
        {
          redisUrl: redis.url,
          config: configFor(refusing.url),
          databases: async ({ postgres }) => {
            const url = new URL(postgres.url(await postgres.createDatabase(), 'nobody', canaries.database));
            return { refused: { engine: 'postgres', url: url.href, storage: 'main' } };
          },
        },
      );
    } finally {
      await refusing.close();
      await redis.stop();
    }
  });
});

/** In this order: what the later ones read was written by the earlier ones. */
function placesOf(api: Api, session: string): Record<string, () => Promise<readonly Said[]>> {
  const { up, metrics, installation } = api;
  return {
    'the answers of REST': () => byRest(api),
    'the answers of gRPC': () => byGrpc(api),
    'the pages': () => pages(api, session),
    'the arguments of processes': async () => [...(await argumentsOfAll())],
    Redis: () => everythingInRedis(installation.env.REDIS_URL ?? ''),
    'the metrics': async () => [['metrics', await (await fetch(`${metrics}/metrics`)).text()]],
    'the log': async () => [['log', up.log()]],
    'what `up` keeps of its tokens': async () => {
      const text = await readFile(join(installation.path, 'backupdata.yaml'), 'utf8');
      const { auth } = JSON.parse(text);
      return [['the configuration', JSON.stringify(auth)]];
    },
  };
}

async function signIn({ http, tokens }: Api): Promise<string> {
  const answer = await send(`${http}/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
    body: `token=${tokens.admin}`,
  });
  return (
    /^backupdata=([\w-]{43});/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? assert.fail('no session')
  );
}

/** Every operation of the document, with what works and with what fails. */
async function byRest({ ask }: Api): Promise<readonly Said[]> {
  const said: Said[] = [];
  const tell = async (method: string, path: string, body?: unknown): Promise<string> => {
    const { text } = await ask('admin', method, path, { body });
    said.push([`${method} ${path}`, text]);
    return text;
  };
  const ids = new Map<string, string>();
  for (const [database, state] of [
    ['shop', 'completed'],
    ['refused', 'failed'],
  ] as const) {
    const { jobId } = JSON.parse(await tell('POST', '/backups', { database }));
    ids.set(database, jobId);
    await until(`${jobId} is ${state}`, async () =>
      (await tell('GET', `/jobs/${jobId}`)).includes(`"${state}"`),
    );
  }
  const { paths } = readDocument(await ask('admin', 'GET', '/openapi.json'));
  for (const { method, path } of operationsOf({ paths, components: { schemas: {} } }))
    for (const id of ids.values())
      await tell(
        method,
        path.replace('{name}', 'shop').replace(/\{\w+\}/, id),
        method === 'POST' ? {} : undefined,
      );
  await tell('GET', '/backups?storage=bucket');
  await tell('POST', '/copies', { backup: 'shop', to: 'bucket' });
  await tell('POST', '/restores', { backup: 'shop', database: 'refused', targetDatabase: 'x', create: true });
  return said;
}

async function byGrpc({ grpc, tokens }: Api): Promise<readonly Said[]> {
  const { operations, close } = connectRemote({ server: grpc, token: tokens.admin });
  const call = { signal: AbortSignal.timeout(20_000), by: 'test', sees: () => true };
  const said: Said[] = [];
  const tell = async (name: string, ask: () => Promise<unknown>): Promise<void> => {
    said.push([name, JSON.stringify(await ask().catch(({ message, hint }) => ({ message, hint })))]);
  };
  await tell('databases', () => operations.listDatabases({}, call));
  await tell('backups', () => operations.listBackups({}, call));
  await tell('a backup', () => operations.showBackup({ backup: 'shop' }, call));
  await tell('jobs', () => operations.listJobs({}, call));
  await tell('a storage that is away', () => operations.listBackups({ storage: 'bucket' }, call));
  close();
  return said;
}

async function pages({ http, ask }: Api, session: string): Promise<readonly Said[]> {
  const { jobs } = (await ask('admin', 'GET', '/jobs')).json<{ jobs: { id: string; queue: string }[] }>();
  const paths = [
    '/',
    '/sign-in',
    '/queues/',
    ...['backups', 'maintenance', 'notifications', 'schedules', 'restores'].map(
      (queue) => `/queues/api/queues?activeQueue=${queue}&jobsPerPage=50`,
    ),
    ...jobs.flatMap(({ id, queue }) => [
      `/queues/api/queues/${queue}/${id}`,
      `/queues/api/queues/${queue}/${id}/logs`,
    ]),
  ];
  const said: Said[] = [];
  for (const path of paths) {
    const answer = await send(`${http}${path}`, {
      method: 'GET',
      headers: { cookie: `backupdata=${session}` },
    });
    assert.equal(answer.status, 200, path);
    said.push([path, answer.text]);
  }
  return said;
}
