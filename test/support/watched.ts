import { timeOfBackup } from '../../src/shared/ids.ts';
import { withReleases } from '../../src/shared/lifecycle.ts';
import { type Fleet, withFleet } from './fleet.ts';
import { type HttpSink, startHttpSink } from './http-sink.ts';
import { type Installation, quickQueue, type Running } from './installation.ts';
import { withOwnRedis } from './own-redis.ts';
import { freePort } from './ports.ts';
import { startPrometheus, type TestPrometheus } from './prometheus.ts';
import type { TestRedis } from './redis.ts';
import { until } from './until.ts';

/** An installation with a Redis and a notifier of its own, and a Prometheus that watches its producer and its worker. */
export interface Watched {
  installation: Installation;
  fleet: Fleet;
  redis: TestRedis;
  /** What the notifier `ops` tells. */
  sink: HttpSink;
  prometheus: TestPrometheus;
  producer: WatchedProcess;
  worker: WatchedProcess;
  /** Writes the configuration as it was at first. */
  configure(): Promise<void>;
  /** Of a database. */
  url(database: string): string;
  /** Backs a database up, and gives the id. */
  backup(database: string): Promise<string>;
  /** Waits until an alert of these labels fires. */
  fires(alert: string, labels?: Labels): Promise<void>;
  /** Waits until none does. */
  isOver(alert: string, labels?: Labels): Promise<void>;
}

/** A process that always comes back to the address where Prometheus asks for it. */
export interface WatchedProcess {
  /** Resolves once Prometheus has asked it. */
  start(): Promise<void>;
  stop(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

type Labels = Readonly<Record<string, string>>;
type Databases = Record<string, Record<string, unknown>>;

/** Milliseconds. */
const patience = 20_000;

/** Nothing is started but Prometheus. Two attempts of a run are all. */
export async function withWatched(
  makeDatabases: (installation: Installation) => Promise<Databases>,
  use: (watched: Watched) => Promise<void>,
): Promise<void> {
  const main = (installation: Installation, redis: TestRedis): Promise<void> =>
    withReleases(async (releases) => {
      const sink = await startHttpSink();
      releases.push(sink.close);
      const databases = await makeDatabases(installation);
      const configure = () => installation.configure({ databases, ...settings(sink) });
      await configure();
      const ports = { serve: await freePort(), worker: await freePort() };
      const prometheus = await startPrometheus({
        backupdata: [`127.0.0.1:${ports.serve}`],
        'backupdata-worker': [`127.0.0.1:${ports.worker}`],
      });
      releases.push(prometheus.stop);
      const common = { installation, prometheus };
      await withFleet(installation, (fleet) =>
        use({
          ...{ ...common, fleet, redis, sink, configure },
          url: (database) => String(databases[database]?.url),
          producer: watchedProcess({ ...common, command: 'serve', port: ports.serve }),
          worker: watchedProcess({ ...common, command: 'worker', port: ports.worker }),
          backup: (database) => backUp(fleet, database),
          ...waitsFor(prometheus),
        }),
      );
    });
  await withOwnRedis(main, { appendonly: true });
}

/** In a second that has no other: ids of one second are in no order, and alerts are of the newest. */
async function backUp(fleet: Fleet, database: string): Promise<string> {
  const { backupId } = await fleet.outcome(await fleet.backup(database));
  const second = timeOfBackup(backupId).getTime();
  await until('the second of the backup is over', () => Date.now() >= second + 1_000);
  return backupId;
}

function settings(sink: HttpSink): { notifiers: Databases; queue: Record<string, unknown> } {
  const on = ['success', 'failure', 'recovery', 'stale', 'missed', 'verification-failed', 'prune'];
  return {
    notifiers: { ops: { type: 'webhook', url: sink.url, allowPrivate: true, on } },
    queue: { ...quickQueue, attempts: 2 },
  };
}

function watchedProcess({
  installation,
  prometheus,
  command,
  port,
}: Pick<Watched, 'installation' | 'prometheus'> & { command: string; port: number }): WatchedProcess {
  let running: Running | undefined;
  return {
    start: async () => {
      running = await installation.start([command], { env: { METRICS_PORT: String(port) } });
      const answers = `up{instance="127.0.0.1:${port}"} == 1`;
      const isSeen = async () => (await prometheus.query(answers)).length > 0;
      await until(`Prometheus sees ${command}`, isSeen, patience);
    },
    stop: async () => {
      await running?.stop();
    },
    signal: (signal) => void running?.child.kill(signal),
  };
}

function waitsFor(prometheus: TestPrometheus): Pick<Watched, 'fires' | 'isOver'> {
  const isFiring = async (alertname: string, labels: Labels): Promise<boolean> => {
    const wanted = Object.entries({ alertname, ...labels });
    const firing = await prometheus.firing();
    return firing.some((each) => wanted.every(([label, value]) => each[label] === value));
  };
  return {
    fires: (alert, labels = {}) => until(`${alert} fires`, () => isFiring(alert, labels), patience),
    isOver: (alert, labels = {}) =>
      until(`${alert} is over`, async () => !(await isFiring(alert, labels)), patience),
  };
}
