import type { Readable } from 'node:stream';

/** One stored object. */
export interface StoredObject {
  key: string;
  bytes: number;
  modifiedAt: Date;
  /** Differs where the bytes of the same key differ (an S3 ETag); undefined where the store tells nothing of the kind. */
  version?: string;
}

/** The bytes that `get` gives, and what the store told of them. */
export interface ObjectBody extends Readable {
  /** How many they are, from the offset that was asked for; undefined where that is not known before their end. */
  bytes?: number;
  /** As of `StoredObject`. */
  version?: string;
}

/**
 * A flat namespace of write-once objects.
 *
 * Keys are `/`-separated relative paths of printable ASCII; a key that is empty, absolute, longer than 1,024 bytes, holds
 * a backslash, or has a segment that is empty, `.`, `..`, longer than 200 bytes or ends with `.bkd-tmp` is refused with
 * KEY_INVALID before anything is touched.
 * Every method throws STORAGE_UNAVAILABLE (or STORAGE_FULL) when the store itself fails, STORAGE_AUTH when it refuses
 * the credentials, STORAGE_MISSING when there is no such bucket or container, and rejects with the signal's reason
 * when the signal aborts.
 */
export interface Storage {
  /** The name that the configuration gives it. */
  readonly name: string;
  /** Whether `ifAbsent` is decided by the store itself, or only by looking first. */
  readonly fence: 'conditional' | 'best-effort';

  /**
   * Stores `body` under `key`: all of it or nothing. A body that errors or is destroyed before its
   * end leaves no object, and the body's own error is thrown as it is. A body of bytes is small and may be sent again.
   * With `ifAbsent`, OBJECT_EXISTS when the key is taken, and the object there is untouched. What decides between two
   * writers at the same time is told by `fence`; of a stream over 8 MiB some stores of S3 (Ceph) only look first even so.
   * When it resolves the object is durable and `bytes` is what the store holds.
   */
  put(
    key: string,
    body: Readable | Uint8Array,
    options: { signal: AbortSignal; ifAbsent?: boolean },
  ): Promise<StoredObject>;

  /** The bytes from `offset` (default 0), `length` of them (default: to the end). OBJECT_NOT_FOUND when absent; a range past the end is refused with OBJECT_DAMAGED, and a stream that cannot give all of its range fails. */
  get(key: string, options: { signal: AbortSignal; offset?: number; length?: number }): Promise<ObjectBody>;

  /** OBJECT_NOT_FOUND when absent. */
  stat(key: string, signal: AbortSignal): Promise<StoredObject>;

  /** Every object whose key starts with `prefix`, in byte order of the keys, every page of them. Never an unfinished one. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;

  /** Removes the keys; one that is absent already is no error. */
  remove(keys: readonly string[], signal: AbortSignal): Promise<void>;

  /** Removes unfinished uploads and temporary files below `prefix` last touched before `olderThan`, of our own pattern only; their number. */
  sweep(prefix: string, olderThan: Date, signal: AbortSignal): Promise<number>;
}
