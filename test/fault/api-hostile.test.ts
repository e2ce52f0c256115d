import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Answered, type Api, newToken, send, withApi } from '../support/api.ts';
import { operationsOf, readDocument } from '../support/api-document.ts';
import { chooseSeed } from '../support/seeded.ts';

/** Neither a failure of ours, nor a stack, nor a path of the producer, whatever was sent. */
function assertHarmless(what: string, answer: Pick<Answered, 'status' | 'text'>): void {
  assert.ok(answer.status < 500, `${what} was answered with ${answer.status}: ${answer.text}`);
  assert.doesNotMatch(answer.text, /node_modules|node:internal|\.ts:\d|\bat .*\(/, what);
}

function problemOf({ status, text }: Answered): [number, unknown] {
  return [status, JSON.parse(text).code];
}

/** Bytes over a connection of its own; all that comes back until it is closed. */
async function raw({ http }: Api, bytes: string): Promise<string> {
  const { hostname, port } = new URL(http);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return answer;
}

describe('a client that means no good', () => {
  it('gets nothing at all without credentials, whatever it asks for', () =>
    withApi(async (api) => {
      const { ask, http } = api;
      const document = readDocument(await ask('viewer', 'GET', '/openapi.json'));
      const paths = operationsOf(document).map(({ method, path }) => [method, `/api/v1${path}`] as const);
      const others = [
        ['GET', '/'],
        ['GET', '/queues'],
        ['GET', '/queues/api/queues'],
        ['GET', '/queues/static/js/main.js'],
        ['PUT', '/queues/api/queues/backups/x/retry'],
        ['GET', '/api/v1/nothing'],
        ['GET', '/nothing'],
        ['DELETE', '/api/v1/backups'],
        ['PATCH', '/api/v1'],
      ] as const;
      const wrong = { authorization: `Bearer ${newToken()}` };
      const credentials = [
        {},
        { cookie: `backupdata=${'a'.repeat(43)}` },
        { cookie: 'backupdata=../../x; __Host-backupdata=%00' },
        { authorization: 'Basic YTpi' },
        { authorization: 'Bearer' },
      ];
      for (const [method, path] of [...paths, ...others])
        for (const headers of credentials as Record<string, string>[]) {
          const url = `${http}${path.replaceAll(/[{}]/g, '')}`;
          const answer = await send(url, { method, headers: { accept: 'application/json', ...headers } });
          const refused = answer.status === 401 || (answer.status === 429 && 'authorization' in headers);
          const foreign = answer.status === 403 && method !== 'GET' && 'cookie' in headers;
          assert.ok(refused || foreign, `${method} ${path} ${JSON.stringify(headers)}: ${answer.status}`);
          assert.equal(answer.headers.get('set-cookie'), null);
        }
      const answer = await send(`${http}/api/v1/me`, { method: 'GET', headers: wrong });
      assert.ok([401, 429].includes(answer.status));
    }));

  it('is slowed down after ten wrong tokens, and nobody else is', () =>
    withApi(async ({ http, ask }) => {
      const statuses: number[] = [];
      for (let tries = 0; tries < 100; tries += 1) {
        const headers = { authorization: `Bearer ${newToken()}` };
        const { status, headers: answered } = await send(`${http}/api/v1/me`, { method: 'GET', headers });
        statuses.push(status);
        if (status === 429) assert.match(answered.get('retry-after') ?? '', /^[1-9]\d*$/);
      }
      assert.deepEqual(
        statuses.slice(0, 10),
        Array.from({ length: 10 }, () => 401),
      );
      assert.ok(statuses.slice(10).every((status) => status === 429));
      const page = await send(`${http}/sign-in`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
        body: `token=${newToken()}`,
      });
      assert.equal(page.status, 429);
      assert.match(page.text, /Too many wrong tokens/);
      assert.equal((await ask('viewer', 'GET', '/me')).status, 200);
      const { entries } = (await ask('admin', 'GET', '/audit?limit=1000')).json<{
        entries: { what: string; code: string }[];
      }>();
      const refusals = entries.filter(({ what }) => what === 'authenticate').map(({ code }) => code);
      assert.equal(refusals.filter((code) => code === 'UNAUTHENTICATED').length, 10);
      assert.equal(refusals.filter((code) => code === 'RATE_LIMITED').length, 1, 'the log is not filled');
    }));

  it('is answered with one sentence for a body that is none', () =>
    withApi(async ({ ask }) => {
      const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answered> =>
        ask('admin', 'POST', '/backups', { body, headers });
      const large = await post(JSON.stringify({ database: 'x'.repeat(10 * 1_048_576) })).catch(
        () => undefined,
      );
      if (large) assert.deepEqual(problemOf(large), [413, 'REQUEST_TOO_LARGE']);
      assert.deepEqual(problemOf(await post(`{"database":"${'x'.repeat(70_000)}"}`)), [
        413,
        'REQUEST_TOO_LARGE',
      ]);
      const bad: readonly (readonly [string, Record<string, string>?])[] = [
        ['{'],
        ['null'],
        ['[]'],
        ['"shop"'],
        ['{"database":"shop","__proto__":{"admin":true}}'],
        ['{"database":"shop","constructor":{"prototype":{"admin":true}}}'],
        ['{"database":{"__proto__":{"x":1}}}'],
        ['{"database":"shop","more":1}'],
        ['{"database":["shop"]}'],
        ['database=shop', { 'content-type': 'application/x-www-form-urlencoded' }],
        ['{"database":"shop"}', { 'content-type': 'text/plain' }],
        ['{"database":"shop"}', { 'content-type': 'application/json; charset=koi8-r' }],
        ['{"database":"shop"}', { 'content-encoding': 'gzip' }],
      ];
      for (const [body, headers] of bad) {
        const answer = await post(body, headers);
        assert.deepEqual(problemOf(answer), [400, 'USAGE'], `${body} ${JSON.stringify(headers)}`);
        assertHarmless(body, answer);
      }
      assert.equal((await post('{"database":"shop"}')).status, 202);
    }));

  const names = [
    '../../x',
    '..%2f..%2fx',
    '..%5c..%5cx',
    '%2e%2e%2fetc%2fpasswd',
    'shop%00',
    'shop%0d%0aSet-Cookie:%20a=b',
    'x'.repeat(300),
    'SHOP',
    'ѕhop',
    'shop%e2%80%8b',
    '__proto__',
    'constructor',
    '%',
    '%ff',
    '${SHOP_URL}',
    "shop'--",
  ];

  it('reaches no file and no other name by what is no name', () =>
    withApi(async ({ ask, installation }) => {
      const before = await installation.stored();
      for (const name of names) {
        const encoded = name.includes('%') ? name : encodeURIComponent(name);
        for (const path of [`/backups/${encoded}`, `/jobs/${encoded}`, `/backups?database=${encoded}`]) {
          const answer = await ask('admin', 'GET', path);
          assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status} ${answer.text}`);
          assertHarmless(path, answer);
        }
        const decoded = name.includes('%') ? safeDecode(name) : name;
        for (const [path, body] of [
          ['/backups', { database: decoded }],
          ['/verifications', { backup: decoded }],
          ['/copies', { backup: decoded, to: decoded }],
        ] as const) {
          const answer = await ask('admin', 'POST', path, { body });
          const expected = decoded === 'constructor' ? 404 : 400;
          assert.equal(answer.status, expected, `${path} ${decoded}`);
          assertHarmless(path, answer);
        }
      }
      assert.deepEqual(await installation.stored(), before);
    }));

  it('breaks nothing by bodies, queries and headers at random, and the process stays quick', async () => {
    const seed = chooseSeed();
    process.stdout.write(`seed ${seed}\n`);
    await withApi(async (api) => {
      const { ask, metrics } = api;
      const document = readDocument(await ask('viewer', 'GET', '/openapi.json'));
      const operations = operationsOf(document).filter(({ id }) => id !== 'followJob');
      const times: number[] = [];
      const word = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.constantFrom(...names.map(safeDecode)),
      );
      const request = fc.record({
        operation: fc.constantFrom(...operations),
        parts: fc.array(word, { minLength: 2, maxLength: 2 }),
        query: fc.dictionary(word, word, { maxKeys: 3 }),
        body: fc.oneof(
          fc.jsonValue(),
          fc.dictionary(fc.constantFrom('database', 'backup', 'to', 'limit', 'create'), fc.jsonValue()),
        ),
      });
      await fc.assert(
        fc.asyncProperty(request, async ({ operation, parts, query, body }) => {
          const left = [...parts];
          const path = operation.path.replaceAll(
            /\{\w+\}/g,
            () => encodeURIComponent(wellFormed(left.pop() ?? '')) || '_',
          );
          const search = new URLSearchParams(
            Object.entries(query).map(([name, value]) => [wellFormed(name), wellFormed(value)]),
          );
          const hasBody = operation.method === 'POST' || operation.method === 'PUT';
          const answer = await ask(
            'admin',
            operation.method,
            `${path}?${search}`,
            hasBody ? { body: body ?? {} } : {},
          );
          assertHarmless(`${operation.method} ${path}?${search} ${JSON.stringify(body)}`, answer);
          const started = performance.now();
          assert.equal((await fetch(`${metrics}/livez`)).status, 200);
          times.push(performance.now() - started);
        }),
        { seed, numRuns: 300 },
      );
      times.sort((a, b) => a - b);
      const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
      assert.ok(p99 < 200, `livez took ${p99} ms`);
      assert.equal((await ask('viewer', 'GET', '/me')).status, 200);
    });
  });

  it('does not hold a connection by sending slowly', () =>
    withApi(async (api) => {
      const slow = await raw(api, 'GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nX-');
      assert.match(slow, /^HTTP\/1\.1 408/);
    }));

  it('gets a plain refusal for what is no HTTP, and for methods that nothing has', () =>
    withApi(async (api) => {
      const { ask, tokens } = api;
      assert.match(await raw(api, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400/);
      const huge = await raw(api, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
      assert.match(huge, /^HTTP\/1\.1 431/);
      const head = `Host: localhost\r\nAuthorization: Bearer ${tokens.admin}\r\nConnection: close\r\n\r\n`;
      assert.match(
        await raw(api, `TRACE /api/v1/me HTTP/1.1\r\n${head}`),
        /^HTTP\/1\.1 404[\s\S]*ROUTE_NOT_FOUND/,
      );
      for (const method of ['DELETE', 'PATCH', 'PUT'])
        assert.deepEqual(problemOf(await ask('admin', method, '/jobs')), [404, 'ROUTE_NOT_FOUND']);
      assert.equal((await ask('admin', 'HEAD', '/jobs')).status, 200);
    }));
});

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Without halves of characters, which no URL can hold. */
function wellFormed(text: string): string {
  return text.toWellFormed();
}
