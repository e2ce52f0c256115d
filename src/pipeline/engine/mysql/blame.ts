import type { StageExit, StageFailure } from '../../process/failure.ts';
import { errorNumber } from './failures.ts';

/**
 * What a server says of a dump that it cannot take: one that is no SQL, rows that do not fit their table, values that are
 * none, keys that are there twice, and objects that the dump should have made before.
 */
const refused: ReadonlySet<number> = new Set([
  ...[1064, 1136, 1054, 1146, 1062, 1022, 1366, 1292, 1264, 1406, 1367, 1048, 1169, 1050, 1060, 1061],
  ...[1005, 1072, 1075, 1215, 1231],
]);

/**
 * Whether a failed restore proves the dump bad. Only what is known to be the dump's own fault counts: a right, a plugin, a
 * character set or room that the server lacks is none, and what is not known is not either.
 */
export function blamesDump(failure: StageFailure): boolean {
  const client = failure.exits.find((exit) => /\/(mysql|mariadb)$/.test(exit.program));
  if (client && hasRefused(client)) return refused.has(errorNumber(failure) ?? 0);
  // It was not the client that failed: a decoder refused bytes whose hash is right.
  return failure.exits.some((exit) => exit !== client && hasRefused(exit)) && !wasKilled(client);
}

function hasRefused({ code, stopped }: StageExit): boolean {
  return !stopped && code !== null && code !== 0;
}

function wasKilled(exit: StageExit | undefined): boolean {
  return exit !== undefined && !exit.stopped && exit.signal !== null;
}
