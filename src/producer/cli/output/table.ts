import { pad, plain, shorten, widthOf } from './text.ts';

export interface Column<Row> {
  title: string;
  cell: (row: Row) => string;
  /** `right` for numbers. */
  align?: 'left' | 'right';
  /** Whether an ellipsis may stand for the end of a long cell. Never for an id. */
  shorten?: boolean;
  /** A column that may be left out where the table is too wide: the highest number goes first. */
  leaveOut?: number;
}

export interface Table<Row> {
  /** The first one is what people know a row by. */
  columns: readonly [Column<Row>, ...Column<Row>[]];
  rows: readonly Row[];
  /** Cells of the terminal. */
  width: number;
}

const gap = '  ';
const indent = '  ';
const leastWidth = 12;

/**
 * A table within `width`, without a line break at its end. Where it is too wide, first long texts are shortened, then
 * columns are left out; if even that is not enough, every row takes two lines: its first column, whole, and below it the rest.
 */
export function renderTable<Row>(table: Table<Row>): string {
  const sized = table.columns.map((column) => measure(column, table.rows));
  const lines = layOut(sized, table.width) ?? stack(sized, table.width);
  return lines.join('\n');
}

/** A column with its texts, the title first, and the cells that it takes. */
interface Sized {
  column: Pick<Column<never>, 'align' | 'shorten' | 'leaveOut'>;
  texts: readonly string[];
  width: number;
}

function measure<Row>({ title, cell, ...column }: Column<Row>, rows: readonly Row[]): Sized {
  const texts = [title.toUpperCase(), ...rows.map((row) => plain(cell(row)))];
  return { column, texts, width: Math.max(...texts.map(widthOf)) };
}

/** Undefined when there is no way to fit. */
function layOut(columns: readonly Sized[], width: number): string[] | undefined {
  const fitting = narrow(columns, width);
  if (fitting) return joinLines(fitting);
  const [first] = columns.toSorted((a, b) => (b.column.leaveOut ?? 0) - (a.column.leaveOut ?? 0));
  if (first?.column.leaveOut === undefined) return undefined;
  return layOut(
    columns.filter((each) => each !== first),
    width,
  );
}

/** Takes what is too much from the widest columns that may be shortened; undefined when that is not enough. */
function narrow(columns: readonly Sized[], width: number): Sized[] | undefined {
  const total = columns.reduce((sum, each) => sum + each.width, 0) + gap.length * (columns.length - 1);
  if (total <= width) return [...columns];
  const [widest] = columns
    .filter((each) => each.column.shorten === true && each.width > leastWidth)
    .toSorted((a, b) => b.width - a.width);
  if (!widest) return undefined;
  const narrower = { ...widest, width: Math.max(leastWidth, widest.width - (total - width)) };
  return narrow(
    columns.map((each) => (each === widest ? narrower : each)),
    width,
  );
}

function joinLines(columns: readonly Sized[]): string[] {
  const [first] = columns;
  return (first?.texts ?? []).map((_, line) =>
    columns
      .map((each) => cellOf(each, line))
      .join(gap)
      .trimEnd(),
  );
}

function cellOf({ column, texts, width }: Sized, line: number): string {
  return pad(shorten(texts[line] ?? '', width), width, column.align ?? 'left');
}

/** The first column is an id, and stays whole however narrow the terminal is. */
function stack([first, ...rest]: readonly Sized[], width: number): string[] {
  const below = layOut(rest, width - indent.length) ?? joinLines(rest);
  return (first?.texts ?? []).flatMap((text, line) => [text, `${indent}${below[line] ?? ''}`]);
}
