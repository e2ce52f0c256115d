import { Counter, Gauge, type Registry } from 'prom-client';
import type { Config } from '../../shared/config/schema.ts';

/** One line of an answer. */
export interface Sample {
  value: number;
  labels: Labels;
}

type Labels = Readonly<Record<string, string>>;

export interface Described {
  name: string;
  help: string;
  labelNames?: readonly string[];
}

/**
 * A gauge that keeps nothing and is read at each scrape. One that keeps its values would have to be told what is gone, and
 * holds 25 MiB for 10,000 databases.
 */
export function gaugeAtScrape(
  registry: Registry,
  described: Described,
  read: () => Promise<readonly Sample[]>,
): void {
  readAtScrape(new Gauge({ ...described, registers: [registry] }), read);
}

/** As `gaugeAtScrape`, of what is counted elsewhere. */
export function counterAtScrape(
  registry: Registry,
  described: Described,
  read: () => Promise<readonly Sample[]>,
): void {
  readAtScrape(new Counter({ ...described, registers: [registry] }), read);
}

/** `getForPromString` is what prom-client asks for the text of a metric. */
function readAtScrape(metric: Gauge | Counter, read: () => Promise<readonly Sample[]>): void {
  const { get } = metric;
  const describe = async () => get.call(metric);
  const getForPromString = async () => {
    const described = await describe();
    return { ...described, values: inOne(described.name, await read()) };
  };
  Object.assign(metric, {
    getForPromString,
    get: async () => ({ ...(await describe()), values: [...(await read())] }),
  });
}

/**
 * One value whose name holds the lines of all others: for each value prom-client makes a dozen objects, which live until the answer
 * of 80,000 lines is whole.
 */
function inOne(name: string, samples: readonly Sample[]): object[] {
  const last = samples.at(-1);
  if (!last) return [];
  let lines = '';
  for (const { value, labels } of samples.slice(0, -1)) lines += `${name}${textOf(labels)} ${value}\n`;
  return [
    { metricName: lines + name + textOf(last.labels), labels: none, sharedLabels: none, value: last.value },
  ];
}

/** By the object: most labels are those of a database, which are the same at each scrape. */
const texts = new WeakMap<Labels, string>();

function textOf(labels: Labels): string {
  const known = texts.get(labels);
  if (known !== undefined) return known;
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  const text = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
  texts.set(labels, text);
  return text;
}

function escaped(value: string): string {
  return value.replaceAll(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
}

const none: Labels = {};

/** Gives the label of a database, which is the same object as long as the configuration is the same. */
export function createDatabaseLabels(): (config: Config, database: string) => Labels {
  let known = new Map<string, Labels>();
  let of: Config | undefined;
  return (config, database) => {
    if (of !== config) known = new Map();
    of = config;
    const labels = known.get(database) ?? { database };
    known.set(database, labels);
    return labels;
  };
}

/** Several metrics that are read at the same scrape share one look; one that takes longer is not begun a second time. */
export function shared<T>(look: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= look().finally(() => {
      running = undefined;
    });
    return running;
  };
}
