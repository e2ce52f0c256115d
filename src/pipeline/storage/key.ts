import { BackupDataError } from '../../shared/errors.ts';

/** What the names of unfinished files end with; no key may, so that none can be mistaken for an object. */
export const unfinishedSuffix = '.bkd-tmp';

const longestKey = 1024;
const longestSegment = 200;

/** Throws KEY_INVALID for a key that breaks a rule of the Storage contract. Looks at nothing but the text. */
export function assertKey(key: string): void {
  const fault = faultOf(key);
  if (fault !== undefined) throw invalidKey(key, fault);
}

/** As `assertKey` for what a listing starts with: it may be empty, or stop in the middle of a segment. */
export function assertPrefix(prefix: string): void {
  const folders = prefix.split('/').slice(0, -1);
  const fault = folders.length > 0 ? faultOf(folders.join('/')) : undefined;
  if (fault !== undefined) throw invalidKey(prefix, fault);
}

export function isKey(text: string): boolean {
  return faultOf(text) === undefined;
}

export function invalidKey(key: string, fault: string): BackupDataError {
  return new BackupDataError('KEY_INVALID', `the key ${quoted(key)} cannot be used: ${fault}`, {
    hint: 'Keys are relative paths of printable ASCII such as shop/catalog/x.json; correct the name that this one was made of.',
  });
}

function faultOf(key: string): string | undefined {
  if (key === '') return 'it is empty';
  if (key.length > longestKey) return `it is longer than ${longestKey} bytes`;
  // One character is then one byte, byte order is the order of strings, and no look-alike of "." or "/" gets in.
  if (/[^\x20-\x7e]/.test(key)) return 'it holds a character that is not printable ASCII';
  if (key.includes('\\')) return 'it holds a backslash';
  return key
    .split('/')
    .map(faultOfSegment)
    .find((fault) => fault !== undefined);
}

function faultOfSegment(segment: string): string | undefined {
  if (segment === '') return 'it begins or ends with "/", or holds an empty segment';
  if (segment === '.' || segment === '..') return `it holds the segment "${segment}"`;
  if (segment.length > longestSegment) return `it has a segment of more than ${longestSegment} bytes`;
  if (segment.endsWith(unfinishedSuffix)) return `it has a segment that ends with ${unfinishedSuffix}`;
  return undefined;
}

/** Short and printable, whatever the key holds. */
function quoted(key: string): string {
  return JSON.stringify(key.length > 120 ? `${key.slice(0, 120)}…` : key);
}
