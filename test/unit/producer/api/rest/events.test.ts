import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, it, mock } from 'node:test';
import { startHttp } from '../../../../../src/producer/api/http/http.ts';
import { createRest } from '../../../../../src/producer/api/rest/rest.ts';
import type { Access } from '../../../../../src/producer/identity/access.ts';
import type { Operations } from '../../../../../src/producer/operations/contract.ts';
import type { JobUpdate } from '../../../../../src/producer/operations/documents.ts';
import { BackupDataError } from '../../../../../src/shared/errors.ts';
import { createMemoryLogger } from '../../../../support/memory-logger.ts';
import { abortableDelay, until } from '../../../../support/until.ts';

type Follow = Operations['follow'];

interface Scene {
  /** Of the events of a job. */
  url: string;
  logged: readonly string[];
}

const headers = { authorization: 'Bearer x' };

/** The whole HTTP shell, with a `follow` of the test's own. */
async function withFollow(follow: Follow, use: (scene: Scene) => Promise<void>): Promise<void> {
  const logger = createMemoryLogger();
  const principal = { name: 'ops', role: 'viewer', databases: null } as const;
  const access = {
    authenticate: async () => principal,
    count: async () => undefined,
    enter: () => ({
      principal,
      operations: { follow },
      call: (signal: AbortSignal) => ({ signal, by: 'ops', sees: () => true }),
    }),
  } as unknown as Access;
  const current = (() => ({ config: { api: { trustedProxies: 0, cors: [] }, publicUrl: null } })) as never;
  const redis = {} as never;
  const rest = createRest({ access, redis, current, version: '0' });
  const here = { host: '127.0.0.1', port: 0 };
  const http = await startHttp({ ...here, access, current, queues: [], redis, rest, logger });
  try {
    await use({ url: `${http.url}/api/v1/jobs/shop-1/events`, logged: logger.lines });
  } finally {
    await http.close();
  }
}

function answerOf(url: string, more: Record<string, string> = {}): Promise<IncomingMessage> {
  return answerTo(request(url, { headers: { ...headers, ...more } }));
}

async function answerTo(asked: ClientRequest): Promise<IncomingMessage> {
  const [answer] = await once(asked.end(), 'response');
  return answer as IncomingMessage;
}

const active: JobUpdate = {
  jobId: 'shop-1',
  name: 'backup',
  state: 'active',
  attempt: 1,
  progress: null,
  lastFailure: null,
  hasWorker: true,
  error: null,
  result: null,
};

describe('the events of a job', () => {
  it('come one by one, and the last one ends the answer', () =>
    withFollow(
      async function* () {
        yield active;
        yield { ...active, attempt: 2 };
        yield { ...active, state: 'completed' };
      },
      async ({ url }) => {
        const answer = await answerOf(url);
        assert.equal(answer.statusCode, 200);
        assert.equal(answer.headers['content-type'], 'text/event-stream; charset=utf-8');
        assert.equal(answer.headers['cache-control'], 'no-store');
        const events = (await text(answer)).split('\n\n').map((event) => event.split('\n'));
        assert.deepEqual(
          events.map(([id, name]) => [id, name]),
          [
            ['id: 1', 'event: active'],
            ['id: 2', 'event: active'],
            ['id: end', 'event: completed'],
            ['', undefined],
          ],
        );
        assert.deepEqual(JSON.parse(events[1]?.[2]?.replace('data: ', '') ?? ''), { ...active, attempt: 2 });
      },
    ));

  it('are followed no longer once the client is gone, and that is no failure', async () => {
    const told: string[] = [];
    await withFollow(
      async function* (_request, { signal }) {
        try {
          yield active;
          await abortableDelay(600_000, signal);
        } finally {
          told.push(signal.aborted ? 'stopped' : 'ended');
        }
      },
      async ({ url, logged }) => {
        const answer = await answerOf(url);
        await once(answer, 'data');
        answer.destroy();
        await until('nobody follows', () => told.length > 0);
        assert.deepEqual(told, ['stopped']);
        const next = await answerOf(url);
        await once(next, 'data');
        assert.deepEqual(logged, []);
        next.destroy();
        await until('nobody follows', () => told.length > 1);
      },
    );
  });

  it('are kept alive by a comment every 15 s', async () => {
    const { promise: end, resolve } = Promise.withResolvers<void>();
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      await withFollow(
        async function* () {
          yield active;
          await end;
        },
        async ({ url }) => {
          const answer = await answerOf(url);
          await once(answer, 'data');
          mock.timers.tick(14_999);
          mock.timers.tick(1);
          const [comment] = await once(answer, 'data');
          assert.equal(String(comment), ': still there\n\n');
          resolve();
          assert.equal(await text(answer), '');
        },
      );
    } finally {
      mock.timers.reset();
    }
  });

  it('of a job that cannot be followed are an error as any other', () =>
    withFollow(
      // biome-ignore lint/correctness/useYield: it fails before
      async function* () {
        throw new BackupDataError('JOB_NOT_FOUND', 'there is no job "shop-1"');
      },
      async ({ url }) => {
        const answer = await answerOf(url);
        assert.equal(answer.statusCode, 404);
        assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8');
        assert.equal(JSON.parse(await text(answer)).code, 'JOB_NOT_FOUND');
      },
    ));

  it('are cut where it cannot be followed any more, without a last one', () =>
    withFollow(
      async function* () {
        yield active;
        throw new BackupDataError('REDIS_UNAVAILABLE', 'Redis has not answered for a minute');
      },
      async ({ url }) => {
        const answer = await answerOf(url);
        const body = await text(answer).catch((error: NodeJS.ErrnoException) => error.code);
        assert.equal(body, 'ECONNRESET');
      },
    ));

  it('are not followed again for who has heard the last one, nor on for who asks for the head alone', async () => {
    const told: string[] = [];
    await withFollow(
      async function* () {
        told.push('followed');
        try {
          yield active;
          yield active;
        } finally {
          told.push('left');
        }
      },
      async ({ url }) => {
        const heard = await answerOf(url, { 'last-event-id': 'end' });
        assert.deepEqual([heard.statusCode, await text(heard)], [204, '']);
        assert.deepEqual(told, []);
        const head = await answerTo(request(url, { method: 'HEAD', headers }));
        assert.deepEqual([head.statusCode, await text(head)], [200, '']);
        assert.deepEqual(told, ['followed', 'left']);
        const again = await answerOf(url, { 'last-event-id': '7' });
        assert.match(await text(again), /^id: 1\nevent: active\n/);
      },
    );
  });
});
