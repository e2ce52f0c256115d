import { setTimeout as wait } from 'node:timers/promises';
import { withClient } from '../../src/producer/client/open.ts';
import type { Loaded } from '../../src/producer/current.ts';
import { readEverything } from '../../src/producer/freshness/read-everything.ts';
import { createState } from '../../src/producer/freshness/state.ts';
import { reconcile } from '../../src/producer/scheduler/reconcile.ts';
import { schedulesOf } from '../../src/producer/scheduler/schedules.ts';
import { defaultPool, schedulesQueue } from '../../src/shared/queues/names.ts';
import { openQueue } from '../../src/shared/queues/queue.ts';
import { Secret } from '../../src/shared/secret.ts';
import { type Installation, type Running, withInstallation } from '../../test/support/installation.ts';
import { createMemoryLogger } from '../../test/support/memory-logger.ts';
import { metricsOf } from '../../test/support/metrics.ts';
import type { Bench } from '../support/bench.ts';
import { poll } from '../support/poll.ts';
import { memoryNow, peakMemory } from '../support/process-usage.ts';
import { configured, loaded, moved, nameOf, storeOneEach } from '../support/scheduled-fleet.ts';
import { built } from '../support/session.ts';
import { mebibytes, milliseconds, seconds } from '../support/units.ts';
import { type Row, valueRow } from '../table.ts';

/** Milliseconds and bytes. */
const limits = {
  reconcileNew: 10_000,
  reconcileSame: 2_000,
  due: 10_000,
  scrape: 300,
  memory: 300 * 1_048_576,
};
const minute = 60_000;
/** Of each process. */
const scrapes = 8;
/** Milliseconds that a producer is given to take a configuration before what is due by it. */
const ahead = 20_000;

/** Milliseconds between two scrapes as they usually are; V8 gives back what it has emptied after eight seconds. */
const rest = 15_000;

type Measured = Record<
  | 'validate'
  | 'list'
  | 'start'
  | 'reconcileNew'
  | 'reconcileSame'
  | 'firstRead'
  | 'nextRead'
  | 'due'
  | 'scrape'
  | 'workerScrape'
  | 'memory'
  | 'peak',
  number[]
>;

/** What a configuration of many databases with schedules costs the producer; none of them is backed up. */
export async function schedulesCase(bench: Bench): Promise<Row[]> {
  const measured: Measured = {
    ...{
      validate: [],
      list: [],
      start: [],
      reconcileNew: [],
      reconcileSame: [],
      firstRead: [],
      nextRead: [],
    },
    ...{ due: [], scrape: [], workerScrape: [], memory: [], peak: [] },
  };
  await withInstallation(
    async (installation) => {
      await configure(bench, installation);
      const fleet = await loaded(installation);
      bench.say(`schedules: storing ${bench.size.scheduled} manifests`);
      await storeOneEach(fleet, bench.signal);
      for (let run = 0; run < bench.size.runs.schedules; run += 1) {
        bench.signal.throwIfAborted();
        await configure(bench, installation);
        await measureReconcile(bench, fleet, measured);
        await measureReads(bench, fleet, measured);
        await measureProcesses({ bench, installation, fleet, measured, run });
      }
    },
    { redisUrl: bench.redisUrl, main: built },
  );
  return describe(bench, measured);
}

function configure(
  { size }: Bench,
  { configure: write }: Installation,
  due?: Parameters<typeof configured>[1],
): Promise<void> {
  return write({ databases: configured(size.scheduled, due), queue: {} });
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Of a Redis that has none of the schedules; they are taken away again. */
async function measureReconcile(bench: Bench, { config }: Loaded, measured: Measured): Promise<void> {
  await withClient({ config, redisUrl: new Secret(bench.redisUrl) }, async ({ redis }) => {
    const queue = openQueue(schedulesQueue, { redis, installation: config.installation });
    const follow = (wanted: ReturnType<typeof schedulesOf>) =>
      reconcile({ queue, wanted, beforeChange: async () => undefined });
    try {
      await follow([]);
      measured.reconcileNew.push(await time(() => follow(schedulesOf(config))));
      measured.reconcileSame.push(await time(() => follow(schedulesOf(config))));
      await follow([]);
    } finally {
      await queue.close();
    }
  });
  bench.say(
    `schedules: reconcile ${seconds(last(measured.reconcileNew))}, ${seconds(last(measured.reconcileSame))}`,
  );
}

async function measureReads(bench: Bench, fleet: Loaded, measured: Measured): Promise<void> {
  const state = createState({ logger: createMemoryLogger() });
  const read = () =>
    readEverything({ current: () => fleet, state, clock: () => new Date(), signal: bench.signal });
  measured.firstRead.push(await time(read));
  measured.nextRead.push(await time(read));
  const count = state.names().filter((name) => state.newest(name) !== null).length;
  if (count !== bench.size.scheduled)
    throw new Error(`${count} newest backups of ${bench.size.scheduled} were found`);
  bench.say(`schedules: catalog ${seconds(last(measured.firstRead))}, ${seconds(last(measured.nextRead))}`);
}

interface Processes {
  bench: Bench;
  installation: Installation;
  fleet: Loaded;
  measured: Measured;
  run: number;
}

async function measureProcesses(options: Processes): Promise<void> {
  const { bench, installation, measured } = options;
  measured.validate.push(await time(() => command(installation, 'config', 'validate')));
  const started = performance.now();
  const producer = await installation.start(['serve']);
  await follows(bench, producer, 'added', bench.size.scheduled);
  measured.start.push(performance.now() - started);
  await untilRead(bench, producer);
  measured.list.push(await time(() => command(installation, 'schedule', 'list', '--json')));
  await measureDue(options, producer);
  for (let scrape = 0; scrape < scrapes; scrape += 1) measured.scrape.push(await timeScrape(producer));
  await wait(rest, undefined, { signal: bench.signal });
  measured.memory.push(await memoryNow(producer.pid));
  measured.peak.push(await peakMemory(producer.pid));
  await producer.stop();
  bench.say(
    `schedules: due ${seconds(last(measured.due))}, scrape ${milliseconds(last(measured.scrape))}, ${mebibytes(last(measured.memory))}`,
  );
  await measureWorker(options);
}

async function command({ run }: Installation, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(...args);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr.slice(0, 2_000)}`);
}

/** Waits until the producer says that so many schedules were written. */
async function follows(
  bench: Bench,
  { log }: Running,
  what: 'added' | 'changed',
  count: number,
): Promise<void> {
  const line = new RegExp(`the schedules follow the configuration".*"${what}":${count}\\b`);
  const waiting = {
    what: `${count} schedules are ${what}`,
    interval: 50,
    limit: 120_000,
    signal: bench.signal,
  };
  await poll(waiting, async () => line.test(log()) || undefined);
}

/** The producer reads the catalog beside everything else, and says so in its metrics only. */
async function untilRead({ size, signal }: Bench, producer: Running): Promise<void> {
  const waiting = { what: 'the catalog was read', interval: 2_000, limit: 300_000, signal };
  await poll(waiting, async () => {
    const series = await metricsOf(producer);
    return (
      [...series.keys()].filter((key) => key.startsWith('backup_last_success')).length === size.scheduled ||
      undefined
    );
  });
}

async function timeScrape(process: Running): Promise<number> {
  const url = /"metrics":"(http[^"]+)"/.exec(process.log())?.[1];
  return time(async () => (await fetch(`${url}/metrics`)).text());
}

/** Lets some be due in the same minute, others in each run; milliseconds from their slot until the last of them is in the queue. */
async function measureDue(
  { bench, installation, fleet, measured, run }: Processes,
  producer: Running,
): Promise<void> {
  const { size, signal } = bench;
  const names = new Set(Array.from({ length: size.due }, (_, index) => nameOf(run * size.due + index)));
  const at = new Date(Math.ceil((Date.now() + ahead) / minute) * minute);
  await configure(bench, installation, { names, at });
  producer.child.kill('SIGHUP');
  await follows(bench, producer, 'changed', moved(size.scheduled, { names, at }));
  if (Date.now() > at.getTime()) throw new Error('the schedules were written after their slot');
  await withClient({ config: fleet.config, redisUrl: new Secret(bench.redisUrl) }, async ({ client }) => {
    const queue = client.queue('backups', defaultPool);
    const waiting = {
      what: 'all are enqueued',
      interval: 500,
      limit: at.getTime() - Date.now() + 120_000,
      signal,
    };
    const enqueued = await poll(waiting, async () => {
      if ((await queue.getWaitingCount()) < size.due) return undefined;
      const jobs = (await queue.getWaiting()).filter(({ data }) => names.has(data.database));
      return jobs.length === size.due ? jobs : undefined;
    });
    measured.due.push(Math.max(...enqueued.map(({ timestamp }) => timestamp)) - at.getTime());
    await queue.drain();
  });
}

/** One that has counted nothing yet: it begins with a zero for each of some series of each database. */
async function measureWorker({ installation, measured }: Processes): Promise<void> {
  const worker = await installation.start(['worker']);
  for (let scrape = 0; scrape < scrapes; scrape += 1) measured.workerScrape.push(await timeScrape(worker));
  await worker.stop();
}

function last(values: readonly number[]): number {
  return values.at(-1) ?? Number.NaN;
}

function describe({ size }: Bench, measured: Measured): Row[] {
  const row = (
    name: keyof Measured,
    what: string,
    { format = seconds, below }: { format?: (value: number) => string; below?: number } = {},
  ): Row =>
    valueRow({
      what: `schedules: ${what}`,
      ours: { values: measured[name], format },
      ...(below !== undefined && {
        target: { text: `< ${format(below)}`, holds: (value: number) => value < below },
      }),
    });
  const count = size.scheduled;
  return [
    row('reconcileNew', `${count} new ones into Redis`, { below: limits.reconcileNew }),
    row('reconcileSame', `${count} that are as they should be`, { below: limits.reconcileSame }),
    row('due', `${size.due} of ${count} due in the same minute, from the slot to the last run in the queue`, {
      below: limits.due,
    }),
    row('memory', `RSS of the producer with ${count} databases, ${rest / 1_000} s after its work`, {
      format: mebibytes,
      below: limits.memory,
    }),
    row('peak', 'at its peak, after a change of the configuration and eight scrapes in a row', {
      format: mebibytes,
    }),
    row('scrape', `one scrape of the producer, ${count} databases`, {
      format: milliseconds,
      below: limits.scrape,
    }),
    row('workerScrape', `one scrape of a worker, ${count} databases`, {
      format: milliseconds,
      below: limits.scrape,
    }),
    row('start', `start of \`serve\` until ${count} new ones are in Redis`),
    row('validate', `\`config validate\`, ${count} databases`),
    row('list', `\`schedule list --json\`, ${count} databases`),
    row('firstRead', `first reading of the catalog, ${count} databases of one backup`),
    row('nextRead', 'the next reading of it'),
  ];
}
