/**
 * Runs tasks side by side; the first failure aborts the others' signals, and is thrown once all of them have ended.
 * The results are in the tasks' order.
 */
export async function allOrNone<T>(
  tasks: readonly ((signal: AbortSignal) => Promise<T>)[],
  signal: AbortSignal,
): Promise<T[]> {
  const controller = new AbortController();
  const both = AbortSignal.any([signal, controller.signal]);
  const running = tasks.map((task) => task(both));
  try {
    return await Promise.all(running);
  } catch (error) {
    controller.abort(error);
    await Promise.allSettled(running);
    throw error;
  }
}
