import type { Trailer } from '../engine.ts';

/** The last line of a whole dump; a time may follow in it. */
const lastLine = /(?:^|\n)-- Dump completed(?: on [^\n]*)?\n$/;

/** What both products' dump programs write once they have written everything. */
export const trailer: Trailer = {
  isIn: (end) => lastLine.test(end.toString('latin1')),
  what: 'the line "-- Dump completed"',
};
