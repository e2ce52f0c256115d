import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Answered, type Api, hashOf, send, type Who, withApi } from '../../support/api.ts';
import { until } from '../../support/until.ts';

const ownPage = { 'sec-fetch-site': 'same-origin' };

/** What a browser sends with its form. */
function signIn(
  { http, tokens }: Api,
  who: Who,
  {
    headers = ownPage,
    next = '/queues',
    path = '/sign-in',
  }: { headers?: Record<string, string>; next?: string; path?: string } = {},
): Promise<Answered> {
  return send(`${http}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ token: tokens[who], next }).toString(),
  });
}

function cookieIn({ headers }: Answered): string {
  return /^[^;]+/.exec(headers.get('set-cookie') ?? '')?.[0] ?? '';
}

function asBrowser(cookie: string, headers: Record<string, string> = {}): Record<string, string> {
  return { cookie, ...headers };
}

/** The configuration of the running process with something else in it. */
async function reconfigure({ installation, up }: Api, change: (config: Record<string, never>) => void) {
  const path = join(installation.path, 'backupdata.yaml');
  const config = JSON.parse(await readFile(path, 'utf8'));
  change(config);
  await writeFile(path, JSON.stringify(config));
  up.child.kill('SIGHUP');
  await until('it was loaded', () => up.log().includes('loaded anew'));
}

describe('a session', () => {
  it('is a cookie that no script reads and no other page sends, and is over when its user signs out', () =>
    withApi(async (api) => {
      const { http, ask } = api;
      const answer = await signIn(api, 'viewer');
      assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/queues']);
      const set = answer.headers.get('set-cookie') ?? '';
      assert.match(set, /^backupdata=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
      const cookie = cookieIn(answer);
      const me = await ask(null, 'GET', '/me', { headers: { cookie } });
      assert.deepEqual(me.json(), { name: 'viewer', role: 'viewer', databases: null });
      const left = await send(`${http}/sign-out`, { method: 'POST', headers: asBrowser(cookie, ownPage) });
      assert.deepEqual([left.status, left.headers.get('location')], [303, '/sign-in']);
      assert.match(left.headers.get('set-cookie') ?? '', /^backupdata=; .*Expires=Thu, 01 Jan 1970/);
      assert.equal((await ask(null, 'GET', '/me', { headers: { cookie } })).status, 401);
    }));

  it('is refused what another page asks for, and a token in a header is not', () =>
    withApi(async (api) => {
      const { http, ask } = api;
      const cookie = cookieIn(await signIn(api, 'admin'));
      const body = { database: 'shop' };
      const post = (headers: Record<string, string>): Promise<Answered> =>
        ask(null, 'POST', '/backups', { body, headers: asBrowser(cookie, headers) });
      const foreign: Record<string, string>[] = [
        {},
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: http.replace('http:', 'https:') },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
        { origin: http, 'sec-fetch-site': 'cross-site' },
        { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
      ];
      for (const headers of foreign) {
        const answer = await post(headers);
        assert.deepEqual(
          [answer.status, answer.problem().code],
          [403, 'ORIGIN_REFUSED'],
          JSON.stringify(headers),
        );
        const out = await send(`${http}/sign-out`, { method: 'POST', headers: asBrowser(cookie, headers) });
        assert.equal(out.status, 403);
        const board = await send(`${http}/queues/api/queues/backups/x/retry`, {
          method: 'PUT',
          headers: asBrowser(cookie, headers),
        });
        assert.equal(board.status, 403);
        for (const path of ['/sign-in', '/sign-in/', '/SIGN-IN']) {
          const signed = await signIn(api, 'viewer', { headers, path });
          assert.deepEqual([signed.status, signed.headers.get('set-cookie')], [403, null], path);
        }
      }
      assert.equal((await post({ origin: http })).status, 202);
      assert.equal((await post(ownPage)).status, 202);
      const byToken = await ask('operator', 'POST', '/backups', {
        body,
        headers: { origin: 'https://evil.example' },
      });
      assert.equal(byToken.status, 202);
      assert.equal(byToken.headers.get('access-control-allow-origin'), null);
    }));

  it('leads nowhere else after it was opened', () =>
    withApi(async (api) => {
      for (const next of [
        'https://evil.example',
        '//evil.example',
        '/\\evil.example',
        'javascript:x',
        '/a\r\nb',
        '',
      ])
        assert.equal((await signIn(api, 'viewer', { next })).headers.get('location'), '/', next);
    }));

  it('ends with its token, and takes over a changed role at once', () =>
    withApi(async (api) => {
      const { ask, tokens } = api;
      const headers = { cookie: cookieIn(await signIn(api, 'admin')) };
      const other = { cookie: cookieIn(await signIn(api, 'operator')) };
      assert.equal((await ask(null, 'GET', '/audit', { headers })).status, 200);
      await reconfigure(api, (config) => {
        Object.assign(config, {
          auth: { tokens: [{ name: 'admin', role: 'viewer', sha256: hashOf(tokens.admin) }] },
        });
      });
      await until('the role has changed', async () =>
        (await ask(null, 'GET', '/me', { headers })).text.includes('"viewer"'),
      );
      assert.equal((await ask(null, 'GET', '/audit', { headers })).status, 403);
      assert.equal((await ask(null, 'GET', '/me', { headers: other })).status, 401);
      assert.equal((await ask('operator', 'GET', '/me')).status, 401);
    }));

  it('is a cookie for HTTPS alone where people come by that', () =>
    withApi(async (api) => {
      await reconfigure(api, (config) => {
        Object.assign(config, { publicUrl: 'https://backups.example.com', api: { trustedProxies: 1 } });
      });
      await until('it holds', async () => {
        const set = (await signIn(api, 'viewer', { headers: { ...ownPage, 'x-forwarded-proto': 'https' } }))
          .headers;
        return (set.get('set-cookie') ?? '').startsWith('__Host-backupdata=');
      });
      const answer = await signIn(api, 'viewer', { headers: { ...ownPage, 'x-forwarded-proto': 'https' } });
      assert.match(answer.headers.get('set-cookie') ?? '', /; HttpOnly; Secure; SameSite=Strict$/);
      const me = await api.ask(null, 'GET', '/me', { headers: { cookie: cookieIn(answer) } });
      assert.equal(me.status, 200);
    }));
});

describe('pages of other origins', () => {
  it('may use the API with a token of their own where the configuration names them, and never a cookie', () =>
    withApi(async (api) => {
      const { http, ask } = api;
      const origin = 'https://console.example.com';
      await reconfigure(api, (config) => {
        Object.assign(config, { api: { cors: [origin] } });
      });
      await until('it holds', async () => {
        const { headers } = await ask('viewer', 'GET', '/me', { headers: { origin } });
        return headers.get('access-control-allow-origin') === origin;
      });
      const preflight = await send(`${http}/api/v1/backups`, { method: 'OPTIONS', headers: { origin } });
      assert.equal(preflight.status, 204);
      assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/);
      assert.equal(preflight.headers.get('access-control-allow-credentials'), null);
      const other = { origin: 'https://other.example.com' };
      assert.equal((await send(`${http}/api/v1/backups`, { method: 'OPTIONS', headers: other })).status, 401);
    }));
});

/** The status that the page to sign in has when it is asked for by that name. */
async function statusAs(host: string, { http }: Api): Promise<number | undefined> {
  const asked = request(`${http}/sign-in`, { headers: { host } });
  asked.end();
  const [answer]: IncomingMessage[] = await once(asked, 'response');
  answer?.resume();
  return answer?.statusCode;
}

describe('a process that listens on its machine alone', () => {
  it('answers to the names of that machine and of publicUrl, and to no other', () =>
    withApi(async (api) => {
      const port = new URL(api.http).port;
      for (const host of ['localhost', `localhost:${port}`, `127.0.0.1:${port}`, '[::1]', 'LOCALHOST'])
        assert.equal(await statusAs(host, api), 200, host);
      const foreign = ['rebound.example.com', 'localhost.example.com', '127.0.0.1.example.com', '0.0.0.0'];
      for (const host of [...foreign, 'backups.example.com'])
        assert.equal(await statusAs(host, api), 403, host);
      await reconfigure(api, (config) => {
        Object.assign(config, { publicUrl: 'https://backups.example.com' });
      });
      await until('it holds', async () => (await statusAs('backups.example.com', api)) === 200);
      for (const host of foreign) assert.equal(await statusAs(host, api), 403, host);
    }));
});
