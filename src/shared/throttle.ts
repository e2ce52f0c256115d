/** Calls `tell` at most once per `interval` milliseconds for each key, with the number of calls held back since. */
export function createThrottle(options: {
  clock: () => Date;
  interval: number;
}): (key: string, tell: (heldBack: number) => void) => void {
  const seen = new Map<string, { toldAt: number; heldBack: number }>();
  return (key, tell) => {
    const now = options.clock().getTime();
    const last = seen.get(key);
    if (last && now - last.toldAt < options.interval) {
      last.heldBack += 1;
      return;
    }
    if (seen.size > 100) seen.clear();
    seen.set(key, { toldAt: now, heldBack: 0 });
    tell(last?.heldBack ?? 0);
  };
}
