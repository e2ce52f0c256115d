import { allOrNone } from './all-or-none.ts';

/**
 * What `work` gives for each item, in the items' order; at most `limit` at a time. After a failure nothing more is begun,
 * what is under way is aborted, and the failure is thrown once that has ended.
 */
export async function mapAtMost<T, R>(
  { items, limit, signal }: { items: readonly T[]; limit: number; signal: AbortSignal },
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  const lane = async (stop: AbortSignal): Promise<void> => {
    for (const [index, item] of left) {
      stop.throwIfAborted();
      results[index] = await work(item, stop);
    }
  };
  await allOrNone(
    Array.from({ length: limit }, () => lane),
    signal,
  );
  return results;
}
