import { assertKey } from './key.ts';
import { resumable } from './resumable.ts';
import { briefPatience, longPatience, type Pace, retry } from './retry.ts';
import type { ObjectBody, Storage, StoredObject } from './storage.ts';

const removalsAtOnce = 16;

/**
 * A storage that tries again what failed for a reason that passes: everything but a put of a stream, which can be read
 * only once. What it gives out it never gives out twice: a listing goes on behind its last key, and the bytes of an
 * object behind the last one.
 */
export function retrying(storage: Storage, pace: Pace): Storage {
  const again = <T>(signal: AbortSignal, work: () => Promise<T>, patience = briefPatience): Promise<T> =>
    retry(work, { pace, patience, signal });
  return {
    name: storage.name,
    get fence() {
      return storage.fence;
    },
    put: (key, body, options) =>
      body instanceof Uint8Array
        ? again(options.signal, () => storage.put(key, body, options), longPatience)
        : storage.put(key, body, options),
    get: (key, options) => get(storage, key, { ...options, pace }),
    stat: (key, signal) => again(signal, () => storage.stat(key, signal)),
    list: (prefix, signal) => list(storage, prefix, { pace, signal }),
    remove: (keys, signal) =>
      remove(keys, signal, (key) => again(signal, () => storage.remove([key], signal))),
    sweep: (prefix, olderThan, signal) => again(signal, () => storage.sweep(prefix, olderThan, signal)),
  };
}

async function get(
  storage: Storage,
  key: string,
  options: { signal: AbortSignal; offset?: number; length?: number; pace: Pace },
): Promise<ObjectBody> {
  const { signal, pace, offset = 0, length } = options;
  const open = (given: number, left: number | undefined): Promise<ObjectBody> =>
    retry(() => storage.get(key, { signal, offset: offset + given, length: left }), {
      pace,
      patience: briefPatience,
      signal,
    });
  const first = await open(0, length);
  return resumable({ key, first, open, pace, signal });
}

/** From the start again after a failure, for a storage cannot be asked for the keys behind one; those given out are passed over. */
async function* list(
  storage: Storage,
  prefix: string,
  { pace, signal }: { pace: Pace; signal: AbortSignal },
): AsyncGenerator<StoredObject> {
  let last = '';
  let listing = listAfter(storage, prefix, last, signal);
  const next = async (): Promise<IteratorResult<StoredObject>> => {
    try {
      return await listing.next();
    } catch (error) {
      listing = listAfter(storage, prefix, last, signal);
      throw error;
    }
  };
  try {
    for (;;) {
      const { done, value } = await retry(next, { pace, patience: briefPatience, signal });
      if (done) return;
      last = value.key;
      yield value;
    }
  } finally {
    await listing.return(undefined);
  }
}

async function* listAfter(
  storage: Storage,
  prefix: string,
  last: string,
  signal: AbortSignal,
): AsyncGenerator<StoredObject> {
  for await (const object of storage.list(prefix, signal)) if (object.key > last) yield object;
}

/** One by one, so that every try gets further. */
async function remove(
  keys: readonly string[],
  signal: AbortSignal,
  removeOne: (key: string) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  keys.forEach(assertKey);
  for (let start = 0; start < keys.length; start += removalsAtOnce) {
    await Promise.all(keys.slice(start, start + removalsAtOnce).map(removeOne));
  }
}
