import type { EngineInstructions, InstructionsRequest } from '../engine.ts';
import { shellQuote } from '../shell-quote.ts';

/** As its restore program was configured when the backup was made; `{target}` is the reader's to set. */
export function instructions({
  parts,
  restore: { settings: line },
  decode,
}: InstructionsRequest): EngineInstructions {
  const data = parts
    .filter((part) => part.kind === 'data')
    .map(decode)
    .join('');
  const program = line.map(quoted).join(' ');
  return {
    needs: line[0] ?? 'the program that reads it',
    show: { title: 'Show how the dump begins', command: `${data} | head -c 512 | od -c | head -40` },
    restore:
      line.length === 0
        ? [
            {
              title: 'Write the dump to a file (no restore program was configured)',
              commands: [`${data} > dump`],
            },
          ]
        : [
            {
              title: 'Restore with the configured program (set TARGET first, where it is used)',
              commands: [`${data} | ${program}`],
            },
          ],
  };
}

/** For the shell; what the reader is to choose is a variable that must be set. */
function quoted(argument: string): string {
  const pieces = argument.split('{target}').map((text) => (text === '' ? '' : shellQuote(text)));
  const joined = pieces.join('"${TARGET:?}"');
  return joined === '' ? "''" : joined;
}
