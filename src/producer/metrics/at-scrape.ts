import { Counter, Gauge, type Registry } from 'prom-client';

/** One line of an answer. */
export interface Sample {
  value: number;
  labels: Record<string, string>;
}

export interface Described {
  name: string;
  help: string;
  labelNames?: readonly string[];
}

/**
 * A gauge that keeps nothing and is read at each scrape. One that keeps its values would have to be told what is gone, and
 * holds 25 MiB for 10,000 databases; without them their ten gauges take 150 ms of a scrape, and no text is remembered.
 */
export function gaugeAtScrape(
  registry: Registry,
  described: Described,
  read: () => Promise<readonly Sample[]>,
): void {
  const gauge = new Gauge({ ...described, registers: [registry] });
  const { get } = gauge;
  gauge.get = async () => ({ ...(await get.call(gauge)), values: [...(await read())] });
}

/** As `gaugeAtScrape`, of what is counted elsewhere. */
export function counterAtScrape(
  registry: Registry,
  described: Described,
  read: () => Promise<readonly Sample[]>,
): void {
  const counter = new Counter({ ...described, registers: [registry] });
  const { get } = counter;
  counter.get = async () => ({ ...(await get.call(counter)), values: [...(await read())] });
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
