import { median } from './support/statistics.ts';

/** One line of the table; every cell as it is printed. */
export interface Row {
  what: string;
  ours: string;
  stock: string;
  ratio: string;
  target: string;
  verdict: 'met' | 'missed' | '';
  runs: number;
}

/** Values of one kind, whose median counts. */
export interface Samples {
  values: readonly number[];
  format: (value: number) => string;
}

const columns = {
  what: 'Measure',
  ours: 'BackUpData',
  stock: 'Stock tools',
  ratio: 'Ratio',
  target: 'Target',
  verdict: 'Verdict',
  runs: 'Runs',
} as const satisfies Record<keyof Row, string>;

/** A Markdown table. */
export function renderTable(rows: readonly Row[]): string {
  const keys = Object.keys(columns) as (keyof Row)[];
  const lines = [
    keys.map((key) => columns[key]),
    keys.map(() => '---'),
    ...rows.map((row) => keys.map((key) => String(row[key]).replaceAll('|', '\\|'))),
  ];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Ours against theirs: the ratio of the medians, which must be at most `atMost` where that is given. */
export function ratioRow(options: { what: string; ours: Samples; stock: Samples; atMost?: number }): Row {
  const { what, ours, stock, atMost } = options;
  const ratio = median(ours.values) / median(stock.values);
  return {
    what,
    ours: summary(ours),
    stock: summary(stock),
    ratio: ratio.toFixed(2),
    target: atMost === undefined ? '' : `≤ ${atMost.toFixed(2)}`,
    verdict: verdict(atMost === undefined ? undefined : ratio <= atMost),
    runs: ours.values.length,
  };
}

/** How many times faster than theirs ours is. */
export function fasterRow(options: { what: string; ours: Samples; stock: Samples; atLeast: number }): Row {
  const { atLeast } = options;
  const times = median(options.stock.values) / median(options.ours.values);
  const row = ratioRow(options);
  return {
    ...row,
    ratio: `${times.toFixed(2)} times faster`,
    target: `≥ ${atLeast} times faster`,
    verdict: verdict(times >= atLeast),
  };
}

/** A value that stands for itself. The target is its text and whether a median meets it. */
export function valueRow(options: {
  what: string;
  ours: Samples;
  target?: { text: string; holds: (value: number) => boolean };
}): Row {
  const { what, ours, target } = options;
  return {
    what,
    ours: summary(ours),
    stock: '',
    ratio: '',
    target: target?.text ?? '',
    verdict: verdict(target?.holds(median(ours.values))),
    runs: ours.values.length,
  };
}

/** The median, and the least and the most where there are several. */
function summary({ values, format }: Samples): string {
  const middle = format(median(values));
  if (values.length < 2) return middle;
  return `${middle} (${format(Math.min(...values))} – ${format(Math.max(...values))})`;
}

function verdict(holds: boolean | undefined): Row['verdict'] {
  if (holds === undefined) return '';
  return holds ? 'met' : 'missed';
}
