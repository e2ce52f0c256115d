import type { OutputStream } from '../host.ts';

/** Cells of the terminal; 80 where there is none. */
export function widthOfTerminal({ columns }: OutputStream): number {
  return columns !== undefined && columns > 0 ? columns : 80;
}
