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
  const gauge = new Gauge({ ...described, registers: [registry] });
  const { get } = gauge;
  gauge.get = async () => ({ ...(await get.call(gauge)), values: valuesOf(await read()) });
}

/** As `gaugeAtScrape`, of what is counted elsewhere. */
export function counterAtScrape(
  registry: Registry,
  described: Described,
  read: () => Promise<readonly Sample[]>,
): void {
  const counter = new Counter({ ...described, registers: [registry] });
  const { get } = counter;
  counter.get = async () => ({ ...(await get.call(counter)), values: valuesOf(await read()) });
}

/**
 * prom-client remembers the text of what it takes for shared labels, by their object. Where there are none it makes an object for each
 * line and remembers that: of 80,000 lines the collector then has more work than the scrape.
 */
function valuesOf(samples: readonly Sample[]): { value: number; labels: Labels; sharedLabels: Labels }[] {
  return samples.map(({ value, labels }) => ({ value, labels: none, sharedLabels: labels }));
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
