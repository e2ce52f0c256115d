import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Role, roles } from '../../src/shared/config/access-schema.ts';
import type { ErrorDocument } from '../../src/shared/errors.ts';
import { type ConfigChanges, type Installation, type Running, withInstallation } from './installation.ts';
import { query } from './postgres.ts';

/** What a test asks with: a token for each role, and one that sees only `shop`. */
export type Who = Role | 'limited';

export interface Answered {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON. */
  json<T = Record<string, unknown>>(): T;
  problem(): ErrorDocument & { status: number; detail: string; type: string; title: string };
}

/** A running `up` that has tokens, with the PostgreSQL databases `shop` and `crm`. */
export interface Api {
  installation: Installation;
  up: Running;
  /** http://HOST:PORT */
  http: string;
  /** HOST:PORT */
  grpc: string;
  metrics: string;
  tokens: Readonly<Record<Who, string>>;
  /** Asks below /api/v1 as somebody; as nobody for null. A body is sent as JSON. */
  ask(
    who: Who | null,
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Answered>;
}

export async function withApi(
  use: (api: Api) => Promise<void>,
  options: {
    redisUrl?: string;
    /** What else the configuration says. */
    config?: Partial<ConfigChanges>;
    /** Others than `shop` and `crm`. */
    databases?: (installation: Installation) => Promise<ConfigChanges['databases']>;
  } = {},
): Promise<void> {
  await withInstallation(
    async (installation) => {
      const tokens = newTokens();
      const databases = { shop: await database(installation), crm: await database(installation) };
      const auth = { tokens: [...roles, 'limited' as const].map((who) => entryOf(who, tokens[who])) };
      const storages = {
        main: { type: 'local', path: installation.backups },
        offsite: { type: 'local', path: join(installation.path, 'offsite') },
      };
      const more = (await options.databases?.(installation)) ?? {};
      const { config = {} } = options;
      await installation.configure({
        ...config,
        storages: { ...storages, ...config.storages },
        databases: { ...databases, ...more },
        auth,
      });
      await use(await startApi(installation, tokens));
    },
    options.redisUrl === undefined ? {} : { redisUrl: options.redisUrl },
  );
}

/** Starts `up` once more, or for the first time. */
export async function startApi(installation: Installation, tokens: Api['tokens']): Promise<Api> {
  const up = await installation.start(['up']);
  const where = JSON.parse(await readFile(join(installation.path, 'data', 'up.json'), 'utf8'));
  const { http, grpc, metrics }: Pick<Api, 'http' | 'grpc' | 'metrics'> = where;
  return {
    ...{ installation, up, http, grpc, metrics, tokens },
    ask: (who, method, path, options = {}) =>
      send(`${http}/api/v1${path}`, { method, token: who && tokens[who], ...options }),
  };
}

/** One request, and the whole answer. */
export async function send(
  url: string,
  options: { method: string; token?: string | null; body?: unknown; headers?: Record<string, string> },
): Promise<Answered> {
  const { method, token, body, headers } = options;
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: <T>() => JSON.parse(text) as T,
    problem: () => JSON.parse(text),
  };
}

export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function newToken(): string {
  return `bkd_${randomBytes(32).toString('base64url')}`;
}

function newTokens(): Record<Who, string> {
  return { viewer: newToken(), operator: newToken(), admin: newToken(), limited: newToken() };
}

function entryOf(who: Who, token: string) {
  const sha256 = hashOf(token);
  return who === 'limited'
    ? { name: who, role: 'admin', sha256, databases: ['shop'] }
    : { name: who, role: who, sha256 };
}

async function database({ postgres }: Installation) {
  const url = postgres.url(await postgres.createDatabase());
  await query(url, 'CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 100) n');
  return { engine: 'postgres', url, storage: 'main', schedule: '0 2 * * *', retention: { last: 7 } };
}
