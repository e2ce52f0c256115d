import type { Running } from './installation.ts';

/** What a process tells on /metrics of this installation's backups: each series with its value. */
export async function metricsOf(process: Pick<Running, 'log'>): Promise<ReadonlyMap<string, number>> {
  const base = /"metrics":"(http[^"]+)"/.exec(process.log())?.[1];
  const text = await (await fetch(`${base}/metrics`)).text();
  const series = text.split('\n').filter((line) => line.startsWith('backup_'));
  return new Map(
    series.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}
