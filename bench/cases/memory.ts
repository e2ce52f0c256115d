import { alternate } from '../support/alternate.ts';
import type { Bench, Dataset } from '../support/bench.ts';
import { cpuUsage, peakMemory } from '../support/process-usage.ts';
import { type Session, withSession } from '../support/session.ts';
import { median } from '../support/statistics.ts';
import { mebibytes, percent, seconds, storedSize } from '../support/units.ts';
import { type Row, type Samples, valueRow } from '../table.ts';

const mebibyte = 1_048_576;
const memoryLimit = 150 * mebibyte;
const growthLimit = 32 * mebibyte;
const cpuLimit = 0.15;

/** What one backup by a fresh worker took of its Node process. */
interface Usage {
  /** Peak resident memory in bytes: before the first job, when it was finished, and when its verification was too. */
  peakIdle: number;
  peak: number;
  peakAfterVerify: number;
  /** CPU seconds during the job: of Node, and of the tools that it started. */
  node: number;
  tools: number;
}

/** Memory and CPU of the worker's Node process for a small and a large database. */
export async function memoryCase(bench: Bench): Promise<Row[]> {
  const [small, large] = [await bench.data.small(), await bench.data.large()];
  const usages: Record<'small' | 'large', Usage[]> = { small: [], large: [] };
  const contender = (dataset: Dataset, into: Usage[]) => ({
    runs: bench.size.runs.memory,
    run: async () => {
      const usage = await useOfOneBackup(bench, dataset);
      into.push(usage);
      return usage.peak;
    },
  });
  await alternate(
    { small: contender(small, usages.small), large: contender(large, usages.large) },
    { signal: bench.signal, onRun: (name, peak) => bench.say(`memory: ${name} ${mebibytes(peak)}`) },
  );
  return [...memoryRows({ small, large }, usages), ...cpuRows(large, usages.large)];
}

async function useOfOneBackup(bench: Bench, { name, url }: Dataset): Promise<Usage> {
  const found: Usage[] = [];
  await withSession({ bench, databases: { [name]: url } }, async (session) => {
    found.push(await measure(session, name));
  });
  const [usage] = found;
  if (!usage) throw new Error('nothing was measured');
  return usage;
}

async function measure(session: Session, database: string): Promise<Usage> {
  const { pid, stop } = await session.startWorker();
  await session.holdMaintenance();
  const [before, peakIdle] = [await cpuUsage(pid), await peakMemory(pid)];
  await session.ended(await session.enqueue(database));
  const [after, peak] = [await cpuUsage(pid), await peakMemory(pid)];
  await session.settle();
  const peakAfterVerify = await peakMemory(pid);
  await stop();
  return {
    peakIdle,
    peak,
    peakAfterVerify,
    node: after.own - before.own,
    tools: after.children - before.children,
  };
}

function memoryRows(
  datasets: Record<'small' | 'large', Dataset>,
  usages: Record<'small' | 'large', Usage[]>,
): Row[] {
  const of = (list: readonly Usage[], key: 'peakIdle' | 'peak' | 'peakAfterVerify'): Samples => ({
    values: list.map((usage) => usage[key]),
    format: mebibytes,
  });
  const below = { text: `< ${mebibytes(memoryLimit)}`, holds: (peak: number) => peak < memoryLimit };
  const rows = (['small', 'large'] as const).map((name) => {
    const what = `memory: peak RSS of the worker's Node process, ${storedSize(datasets[name].dumpBytes)} dump`;
    return valueRow({ what, ours: of(usages[name], 'peak'), target: below });
  });
  const growth = median(of(usages.large, 'peak').values) - median(of(usages.small, 'peak').values);
  return [
    ...rows,
    {
      ...valueRow({
        what: 'memory: difference of the two medians',
        ours: { values: [growth], format: mebibytes },
        target: { text: `≤ ${mebibytes(growthLimit)}`, holds: (bytes) => bytes <= growthLimit },
      }),
      runs: usages.large.length,
    },
    valueRow({ what: 'memory: of that, a worker before its first job', ours: of(usages.large, 'peakIdle') }),
    valueRow({
      what: 'memory: the larger one, its verification included',
      ours: of(usages.large, 'peakAfterVerify'),
    }),
  ];
}

function cpuRows({ dumpBytes }: Dataset, usages: readonly Usage[]): Row[] {
  const inSeconds = (value: number): string => seconds(value * 1000);
  return [
    valueRow({
      what: `cpu: Node's share of the pipeline (Node, pg_dump, zstd, pg_dumpall), ${storedSize(dumpBytes)} dump`,
      ours: { values: usages.map(({ node, tools }) => node / (node + tools)), format: percent },
      target: { text: `≤ ${percent(cpuLimit)}`, holds: (share) => share <= cpuLimit },
    }),
    valueRow({ what: 'cpu: Node', ours: { values: usages.map(({ node }) => node), format: inSeconds } }),
  ];
}
