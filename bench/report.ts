import { readFile, writeFile } from 'node:fs/promises';
import { type Row, renderTable } from './table.ts';

const begin = '<!-- bench: begin -->';
const end = '<!-- bench: end -->';

/** The table with what it was made by and on. */
export function renderReport(options: {
  rows: readonly Row[];
  environment: readonly string[];
  command: string;
}): string {
  const { rows, environment, command } = options;
  const notes = [
    'Medians, with the least and the most in brackets. A job counts from the moment when a worker takes it until it is finished.',
    "Nothing else runs while something is measured: a backup's verification is held back, and has ended before the next run.",
    'The stock tools are those that the worker itself starts, on the same server, writing to the same file system.',
  ];
  return [`Made by \`${command}\` on`, list(environment), renderTable(rows), list(notes)].join('\n\n');
}

/** Puts the report between the two markers of a file; one that does not exist is made. Throws when the markers are not there. */
export async function writeReport(file: string, report: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(newFile);
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no lines "${begin}" and "${end}" to write between`);
  await writeFile(file, `${text.slice(0, from + begin.length)}\n${report}\n${text.slice(to)}`);
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n');
}

function newFile(error: NodeJS.ErrnoException): string {
  if (error.code !== 'ENOENT') throw error;
  return `# Benchmarks\n\n${begin}\n${end}\n`;
}
