import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createProducerMetrics } from '../src/producer/metrics/metrics.ts';
import { addBuildInfo, createMetrics } from '../src/shared/metrics.ts';
import { connectRedis } from '../src/shared/redis.ts';
import { Secret } from '../src/shared/secret.ts';
import { sampleConfig } from '../test/support/database.ts';

/** What a registry says of one metric. */
export interface MetricFacts {
  name: string;
  type: string;
  labels: readonly string[];
  help: string;
}

export const metricsPagePath = join(import.meta.dirname, '..', 'docs', 'metrics.md');

/** Every metric but prom-client's own, whose number the system decides; by whose it is, in the order in which they are registered. */
export function metricsByOwner(): Record<'producer' | 'worker' | 'process', readonly MetricFacts[]> {
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  const common = factsOf(ofProcess);
  const isOwn = ({ name }: MetricFacts): boolean => !common.some((each) => each.name === name);
  return {
    producer: factsOf(producerRegistry()),
    worker: factsOf(createMetrics().registry).filter(isOwn),
    process: factsOf(processRegistry()),
  };
}

/** The page as it is to be: what is between the marks is written anew. */
export async function metricsPage(): Promise<string> {
  const page = await readFile(metricsPagePath, 'utf8');
  return Object.entries(metricsByOwner()).reduce(
    (text, [owner, metrics]) =>
      between(text, `<!-- ${owner} -->`, `<!-- end of ${owner} -->`, tableOf(metrics)),
    page,
  );
}

function producerRegistry(): Registry {
  const registry = new Registry();
  // Nobody scrapes it, so that it never connects.
  const redis = connectRedis({
    url: new Secret('redis://127.0.0.1'),
    role: 'client',
    onError: () => undefined,
  });
  const config = sampleConfig();
  createProducerMetrics({
    registry,
    current: () => ({ config, resources: {} as never }),
    redis,
    queues: () => [],
    freshness: { databases: () => [], get: () => undefined, storages: () => new Map() },
    missedSlots: async () => new Map(),
    clock: () => new Date(0),
  });
  return registry;
}

function processRegistry(): Registry {
  const registry = new Registry();
  addBuildInfo(registry, '');
  return registry;
}

function factsOf(registry: Registry): MetricFacts[] {
  return registry.getMetricsAsArray().map((metric) => ({
    name: metric.name,
    type: String(metric.type),
    labels: 'labelNames' in metric ? (metric.labelNames as string[]) : [],
    help: metric.help,
  }));
}

function tableOf(metrics: readonly MetricFacts[]): string {
  const lines = metrics.map(({ name, type, labels, help }) => {
    const named = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${named} | ${help} |`;
  });
  return ['| metric | type | labels | what it tells |', '|---|---|---|---|', ...lines].join('\n');
}

function between(text: string, start: string, end: string, content: string): string {
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/metrics.md has no ${start} with its end`);
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`;
}

if (import.meta.main) await writeFile(metricsPagePath, await metricsPage());
