import type { Finding } from '../../check/finding.ts';
import { fieldLines } from './fields.ts';
import { widthOf } from './text.ts';

const statusWidth = 9;
const widestName = 22;

/** One finding below another, each with how to mend it, and a last line that sums up. */
export function findingsText(findings: readonly Finding[], width: number): string {
  const names = findings.map(({ name }) => widthOf(name)).filter((each) => each <= widestName);
  const nameWidth = Math.max(...names, 0) + 2;
  return [...findings.flatMap((finding) => linesOf(finding, nameWidth, width)), '', summary(findings)].join(
    '\n',
  );
}

function linesOf({ status, name, detail, hint }: Finding, nameWidth: number, width: number): string[] {
  const lead = status.padEnd(statusWidth) + name.padEnd(nameWidth);
  const values = [...detail.split('\n'), ...(hint === null ? [] : [hint])];
  const column = statusWidth + nameWidth;
  // A name too long for its column has a line of its own.
  return widthOf(lead) > column
    ? [lead, ...fieldLines(' '.repeat(column), values, width)]
    : fieldLines(lead, values, width);
}

function summary(findings: readonly Finding[]): string {
  const problems = findings.filter(({ status }) => status === 'problem').length;
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  if (problems + warnings === 0) return 'Everything is well.';
  return `Problems: ${problems}, warnings: ${warnings}.`;
}
