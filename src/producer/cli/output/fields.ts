import { widthOf, wrapWords } from './text.ts';

/** A label and its value; several values stand below each other. */
export type Field = readonly [label: string, value: string | readonly string[]];

/** Labels and values below each other, long values in lines of whole words. One without a value is left out. */
export function renderFields(fields: readonly Field[], width: number): string {
  const shown = fields
    .map(([label, value]) => [label, [value].flat()] as const)
    .filter(([, values]) => values.length > 0);
  const labelWidth = Math.max(...shown.map(([label]) => widthOf(label)), 0) + 2;
  return shown.flatMap(([label, values]) => fieldLines(label.padEnd(labelWidth), values, width)).join('\n');
}

/** `lead` on the first line, and as many spaces on those that follow. */
export function fieldLines(lead: string, values: readonly string[], width: number): string[] {
  const space = ' '.repeat(widthOf(lead));
  const lines = values.flatMap((value) => wrapWords(value, width - widthOf(lead)));
  return lines.map((line, index) => `${index === 0 ? lead : space}${line}`.trimEnd());
}
