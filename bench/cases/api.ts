import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type Installation, type Running, withInstallation } from '../../test/support/installation.ts';
import { query } from '../../test/support/postgres.ts';
import type { Bench, Dataset } from '../support/bench.ts';
import { built } from '../support/session.ts';
import { percentile } from '../support/statistics.ts';
import { milliseconds } from '../support/units.ts';
import { type Row, valueRow } from '../table.ts';

/** Milliseconds. */
const limits = { livez: 20, post: 100 };
/** Milliseconds between two questions of the same kind: what a load balancer and a busy script ask. */
const pauses = { livez: 20, post: 50 };

/** Milliseconds that answers took, while a backup ran and while none did. */
type Times = Record<'livez' | 'post', number[]>;

interface Measured {
  busy: Times;
  idle: Times;
}

/** How `up` answers while it streams a large backup in the same process. */
export async function apiCase(bench: Bench): Promise<Row[]> {
  const large = await bench.data.large();
  const few = bench.postgres.url(await bench.postgres.createDatabase());
  await query(few, 'CREATE TABLE few AS SELECT generate_series(1, 10) AS id');
  const measured: Measured = { busy: { livez: [], post: [] }, idle: { livez: [], post: [] } };
  for (let run = 0; run < bench.size.runs.memory; run += 1)
    await withInstallation((installation) => measure({ bench, installation, large, few, measured }), {
      redisUrl: bench.redisUrl,
      main: built,
    });
  return [
    row('livez p99 during a backup', measured.busy.livez, limits.livez),
    row('POST /backups p99 during a backup', measured.busy.post, limits.post),
    row('livez p99 while no large backup runs', measured.idle.livez),
    row('POST /backups p99 while no large backup runs', measured.idle.post),
  ];
}

function row(what: string, times: readonly number[], limit?: number): Row {
  const ours = { values: [percentile(times, 99)], format: milliseconds };
  const target = limit && { text: `< ${limit} ms`, holds: (value: number) => value < limit };
  return valueRow({ what: `api: ${what} (${times.length} answers)`, ours, ...(target && { target }) });
}

interface Run {
  bench: Bench;
  installation: Installation;
  large: Dataset;
  few: string;
  measured: Measured;
}

async function measure({ bench, installation, large, few, measured }: Run): Promise<void> {
  const token = `bkd_${randomBytes(32).toString('base64url')}`;
  const sha256 = createHash('sha256').update(token).digest('hex');
  await installation.configure({
    databases: {
      [large.name]: { engine: 'postgres', url: large.url },
      few: { engine: 'postgres', url: few },
    },
    queue: {},
    auth: { tokens: [{ name: 'bench', role: 'operator', sha256 }] },
  });
  const up = await installation.start(['up', '--concurrency', '1']);
  try {
    const { http, metrics } = addressesOf(up);
    const api = apiOf({ http, token });
    await ask({ bench, metrics, api, times: measured.idle, until: wait(2_000).then(() => undefined) });
    const { jobId } = await api.backup(large.name);
    await until(bench, async () => (await api.state(jobId)) === 'active');
    const ended = until(bench, async () => (await api.state(jobId)) === 'completed');
    await ask({ bench, metrics, api, times: measured.busy, until: ended });
  } finally {
    await up.stop('SIGKILL');
  }
  bench.say(`api: livez ${milliseconds(percentile(measured.busy.livez, 99))}`);
}

/** The backup of the small database waits behind the large one: only its first request makes a job, the others join it. */
async function ask(options: {
  bench: Bench;
  metrics: string;
  api: Api;
  times: Times;
  until: Promise<void>;
}): Promise<void> {
  const { bench, metrics, api, times } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, bench.signal]);
  const repeat = async (kind: keyof Times, request: () => Promise<unknown>): Promise<void> => {
    while (!signal.aborted) {
      const started = performance.now();
      await request();
      times[kind].push(performance.now() - started);
      await wait(pauses[kind], undefined, { signal }).catch(() => undefined);
    }
  };
  const asking = [
    repeat('livez', async () => requireOk(await fetch(`${metrics}/livez`)).text()),
    repeat('post', () => api.backup('few')),
  ];
  await Promise.race([options.until, ...asking]);
  over.abort();
  await Promise.all(asking);
}

interface Api {
  backup(database: string): Promise<{ jobId: string }>;
  state(jobId: string): Promise<string>;
}

const enqueued = z.object({ jobId: z.string() });
const shown = z.object({ job: z.object({ state: z.string() }) });

function apiOf({ http, token }: { http: string; token: string }): Api {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return {
    backup: async (database) => {
      const body = JSON.stringify({ database });
      const response = requireOk(await fetch(`${http}/api/v1/backups`, { method: 'POST', headers, body }));
      return enqueued.parse(await response.json());
    },
    state: async (jobId) =>
      shown.parse(await requireOk(await fetch(`${http}/api/v1/jobs/${jobId}`, { headers })).json()).job.state,
  };
}

function requireOk(response: Response): Response {
  if (response.ok) return response;
  throw new Error(`${response.url} answered ${response.status}`);
}

/** As `up` prints them. */
function addressesOf(up: Running): { http: string; metrics: string } {
  const find = (pattern: RegExp): string => {
    const found = pattern.exec(up.log())?.[1];
    if (found !== undefined) return found;
    throw new Error(`${pattern} is not in: ${up.log()}`);
  };
  return { http: find(/queues +(http:\S+)\/queues/), metrics: find(/metrics +(http:\S+)\/metrics/) };
}

async function until({ signal }: Bench, holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await wait(200, undefined, { signal });
}
