/** Closes one thing that was opened. */
export type Closer = () => Promise<void> | void;

/** Whoever opens a thing pushes its closer; `closeAll` runs them last-in-first-out. */
export interface ReleaseStack {
  push(closer: Closer): void;
  /** Runs every closer even when one throws; then throws that failure, or an AggregateError of several. Harmless twice. */
  closeAll(): Promise<void>;
}

export function createReleaseStack(): ReleaseStack {
  const closers: Closer[] = [];
  return {
    push: (closer) => {
      closers.push(closer);
    },
    closeAll: async () => {
      const failures: unknown[] = [];
      for (let closer = closers.pop(); closer; closer = closers.pop()) {
        try {
          await closer();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length === 1) throw failures[0];
      if (failures.length > 1) throw new AggregateError(failures, 'several things could not be closed');
    },
  };
}

/** Runs `use` with a release stack and closes it whatever happens; the first failure is the one that is thrown. */
export async function withReleases<T>(use: (releases: ReleaseStack) => Promise<T>): Promise<T> {
  const releases = createReleaseStack();
  let result: T;
  try {
    result = await use(releases);
  } catch (error) {
    await releases.closeAll().catch(() => undefined);
    throw error;
  }
  await releases.closeAll();
  return result;
}
