import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { createTools } from '../../src/pipeline/process/tools.ts';
import { asServer, endServer, startServer } from './database-server.ts';
import { onFreePort } from './ports.ts';

/** What the project ships for Prometheus and Grafana. */
export const monitoringPath = join(import.meta.dirname, '..', '..', 'monitoring');

/** One series of an answer, as it is now. */
export interface PrometheusSample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** A Prometheus on a loopback port with the project's rules, for which a second is a millisecond. */
export interface TestPrometheus {
  query(expr: string): Promise<PrometheusSample[]>;
  /** The values that a label has in the series of a selector: what Grafana offers for a variable. */
  labelValues(label: string, selector: string): Promise<string[]>;
  /** Labels of the alerts that fire now. */
  firing(): Promise<Readonly<Record<string, string>>[]>;
  /** Ends it at once and removes its data. Harmless twice. */
  stop(): Promise<void>;
}

/** `targets` are addresses, HOST:PORT, by the name of their job in monitoring/prometheus.yml. */
export async function startPrometheus(targets: Record<string, readonly string[]>): Promise<TestPrometheus> {
  const program = await findPrometheus();
  const directory = await mkdtemp(join(tmpdir(), 'prometheus-'));
  try {
    await configure(directory, targets);
    const { port, server } = await onFreePort((free) =>
      startServer({
        command: asServer({ uid: undefined, gid: undefined }, 'KILL', [
          program,
          `--config.file=${join(directory, 'prometheus.yml')}`,
          `--storage.tsdb.path=${join(directory, 'data')}`,
          `--web.listen-address=127.0.0.1:${free}`,
        ]),
        directory,
        ready: 'Server is ready to receive web requests',
      }),
    );
    return {
      ...client(`http://127.0.0.1:${port}/api/v1`),
      stop: () => endServer(server, directory, 'SIGKILL'),
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function findPrometheus(): Promise<string> {
  const found = await createTools({ path: process.env.PATH ?? '', only: undefined }).find('prometheus');
  if (found !== undefined) return found;
  throw new Error('Prometheus is not installed: run `script/bootstrap tests`');
}

/** The project's own files, with other targets and in a hurry. */
async function configure(directory: string, targets: Record<string, readonly string[]>): Promise<void> {
  const config = parse(await readFile(join(monitoringPath, 'prometheus.yml'), 'utf8'));
  const hurried = {
    ...config,
    global: { scrape_interval: '200ms', evaluation_interval: '200ms' },
    scrape_configs: config.scrape_configs.map((job: { job_name: string }) => ({
      ...job,
      static_configs: [{ targets: targets[job.job_name] ?? [] }],
    })),
  };
  await writeFile(join(directory, 'prometheus.yml'), stringify(hurried));
  for (const file of config.rule_files)
    await writeFile(
      join(directory, file),
      inMilliseconds(await readFile(join(monitoringPath, file), 'utf8')),
    );
}

const secondsOf = { m: 60, h: 3_600, d: 86_400 };

/** Whatever is said in seconds: how long an alert must hold, over how long a rule looks back, and how long a job may wait. */
function inMilliseconds(rules: string): string {
  return rules
    .replaceAll(
      /(?<= for: |\[)(\d+)([mhd])\b/g,
      (_, count, unit: keyof typeof secondsOf) => `${count * secondsOf[unit]}ms`,
    )
    .replaceAll(/(?<=_seconds\) > )\d+/g, (seconds) => String(Number(seconds) / 1_000));
}

function client(api: string): Omit<TestPrometheus, 'stop'> {
  const ask = async <T>(path: string, parameters: Record<string, string> = {}): Promise<T> => {
    const response = await fetch(`${api}/${path}?${new URLSearchParams(parameters)}`);
    const { data, error } = (await response.json()) as { data: T; error?: string };
    if (error !== undefined)
      throw new Error(`Prometheus refuses ${path} ${JSON.stringify(parameters)}: ${error}`);
    return data;
  };
  return {
    query: async (expr) => {
      const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
        'query',
        { query: expr },
      );
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    labelValues: (label, selector) => ask(`label/${label}/values`, { 'match[]': selector }),
    firing: async () => {
      const { alerts } = await ask<{ alerts: { state: string; labels: Record<string, string> }[] }>('alerts');
      return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels);
    },
  };
}
