import { createHash, randomInt } from 'node:crypto';
import { BackupDataError } from './errors.ts';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** Random index below `limit`; passed in so that tests can be repeated. */
export type RandomBelow = (limit: number) => number;

const name = /^[a-z0-9][a-z0-9_.-]{0,62}$/;
const databaseName = /^[a-z0-9][a-z0-9_.~-]{0,126}$/;
const backupIdPattern = /^([a-z0-9][a-z0-9_.~-]{0,126})-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[a-z2-7]{6}$/;
const attemptIdPattern = /^a[a-z2-7]{8}$/;

/** Whether a configuration may call something so. */
export function isName(text: string): boolean {
  return name.test(text);
}

/** Whether a database may be called so: by a name, or by `SERVER.DATABASE`, whose second half may hold `~` and be longer. */
export function isDatabaseName(text: string): boolean {
  return databaseName.test(text);
}

export function isBackupId(text: string): boolean {
  return backupIdPattern.test(text);
}

export function isAttemptId(text: string): boolean {
  return attemptIdPattern.test(text);
}

/** `<database>-<YYYYMMDDTHHMMSSZ>-<6 of a-z2-7>`; for a slot the six derive from database and slot. */
export function newBackupId(options: {
  database: string;
  at: Date;
  slot?: Date;
  randomBelow?: RandomBelow;
}): string {
  const { database, at, slot, randomBelow = secureRandomBelow } = options;
  const suffix = slot ? slotSuffix(database, slot) : randomText(6, randomBelow);
  return `${database}-${compactTime(slot ?? at)}-${suffix}`;
}

/** `a` and 8 random characters; new at every start of a run, because BullMQ's counters do not change on a stall. */
export function newAttemptId(randomBelow: RandomBelow = secureRandomBelow): string {
  return `a${randomText(8, randomBelow)}`;
}

/** The database that a backup id names; parsed from the right, because a database's name may hold dashes. */
export function databaseOf(backupId: string): string {
  const database = backupIdPattern.exec(backupId)?.[1];
  if (database === undefined) {
    throw new BackupDataError('USAGE', `"${backupId}" is not a backup id`, {
      hint: 'A backup id looks like shop-20260102T030405Z-abc234; `backupdata list` prints them.',
    });
  }
  return database;
}

/** The instant that a backup id names, to the second. */
export function timeOfBackup(backupId: string): Date {
  databaseOf(backupId);
  return parseCompactTime(backupId.slice(-'YYYYMMDDTHHMMSSZ-abcdef'.length, -'-abcdef'.length));
}

/** `YYYYMMDDTHHMMSSZ`, UTC. */
export function compactTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/** Reads what `compactTime` wrote. */
export function parseCompactTime(text: string): Date {
  return new Date(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

const scratchName = /^bkd_drill_([0-9a-z]{1,9})_[a-z2-7]{6}$/;

/** `bkd_drill_<seconds since 1970, base 36>_<6 random>`: a database that a drill makes, and any later drill may drop. */
export function newScratchName(at: Date, randomBelow: RandomBelow = secureRandomBelow): string {
  return `bkd_drill_${Math.floor(at.getTime() / 1_000).toString(36)}_${randomText(6, randomBelow)}`;
}

/** When a drill made the database of that name; undefined for one that no drill named. */
export function timeOfScratch(name: string): Date | undefined {
  const seconds = scratchName.exec(name)?.[1];
  return seconds === undefined ? undefined : new Date(Number.parseInt(seconds, 36) * 1_000);
}

function slotSuffix(database: string, slot: Date): string {
  const digest = createHash('sha256').update(`${database}\n${slot.toISOString()}`).digest();
  return Array.from(digest.subarray(0, 6), (byte) => alphabet[byte % alphabet.length]).join('');
}

function randomText(length: number, randomBelow: RandomBelow): string {
  return Array.from({ length }, () => alphabet[randomBelow(alphabet.length)]).join('');
}

function secureRandomBelow(limit: number): number {
  return randomInt(limit);
}
