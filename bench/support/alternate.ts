/** One of several ways to do the same, measured side by side. */
export interface Contender {
  runs: number;
  /** One measured run; what it measured. */
  run(): Promise<number>;
}

/**
 * Runs the contenders in turn, round by round, every second round backwards, so that none of them always comes after
 * the same other one or always on a warmer machine. Gives what each measured, in order.
 */
export async function alternate<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>,
  options: { signal: AbortSignal; onRun: (name: Name, measured: number) => void },
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const measured = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  const rounds = Math.max(...names.map((name) => contenders[name].runs));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      if (round >= contenders[name].runs) continue;
      options.signal.throwIfAborted();
      const value = await contenders[name].run();
      measured[name].push(value);
      options.onRun(name, value);
    }
  }
  return measured;
}
