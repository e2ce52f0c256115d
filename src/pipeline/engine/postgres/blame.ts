import type { StageExit, StageFailure } from '../../process/failure.ts';

/** What pg_restore says of an archive that cannot be read. */
const unreadable =
  /^pg_restore: error: (could not read from input file|unexpected end of file|input file |could not find block|unrecognized (data block type|archive)|unexpected (data|block)|corrupt|entry ID .* out of range|bad dumpId|invalid (OID|dumpId|header)|did not find magic)/im;

/** What a server says of rows that it cannot take, and of objects that the archive should have made before. */
const refusedRows =
  /ERROR: .*(invalid input (syntax|value)|invalid byte sequence|duplicate key value|could not create unique index|violates (check|foreign key|not-null|unique|exclusion)|extra data after last expected column|missing data for column|value too long|out of range|(relation|schema) "(?!pg_)[^"]*" does not exist)/i;

/**
 * Whether a failed restore proves the archive bad. Only what is known to be the archive's own fault counts: an extension
 * or a locale that the server lacks, a full disk or a right that is missing is none, and what is not known is not either.
 */
export function blamesArchive({ exits }: StageFailure): boolean {
  const restore = exits.find((exit) => /\/pg_restore[^/]*$/.test(exit.program));
  if (restore && hasRefused(restore)) {
    return unreadable.test(restore.stderr) || refusedRows.test(restore.stderr);
  }
  // It was not pg_restore that failed: a decoder refused bytes whose hash is right.
  return exits.some((exit) => exit !== restore && hasRefused(exit)) && !wasKilled(restore);
}

function hasRefused({ code, stopped }: StageExit): boolean {
  return !stopped && code !== null && code !== 0;
}

function wasKilled(exit: StageExit | undefined): boolean {
  return exit !== undefined && !exit.stopped && exit.signal !== null;
}
