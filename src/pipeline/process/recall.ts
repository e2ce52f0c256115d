/** Gives what `make` gave for the key within the last `milliseconds`; a failure is not remembered. */
export type Recall<Key, Value> = (key: Key, make: () => Promise<Value>) => Promise<Value>;

export function createRecall<Key, Value>(milliseconds: number): Recall<Key, Value> {
  const made = new Map<Key, { value: Promise<Value>; until: number }>();
  return (key, make) => {
    const known = made.get(key);
    // Who joins an attempt that fails, perhaps because its maker was told to stop, makes one of its own.
    if (known && performance.now() < known.until) return known.value.catch(make);
    const value = make();
    made.set(key, { value, until: performance.now() + milliseconds });
    value.catch(() => made.delete(key));
    return value;
  };
}
