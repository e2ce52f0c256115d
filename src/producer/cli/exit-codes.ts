/** What the exit codes mean for one command, where that can be said better than in general. */
export type ExitMeanings = Readonly<Partial<Record<0 | 1 | 3 | 4 | 5, string>>>;

/** Those that every command may end with. */
const always = { 0: 'done', 1: 'failed', 2: 'usage or configuration', 130: 'interrupted' } as const;

const general: ExitMeanings = {
  3: 'not found',
  4: 'refused for safety',
  5: 'unavailable (Redis, storage or database)',
};

/** The last paragraph of a help page. */
export function exitCodesText(exits: ExitMeanings = general): string {
  const lines = Object.entries({ ...always, ...exits }).map(
    ([code, meaning]) => `  ${code.padEnd(5)}${meaning}`,
  );
  return ['Exit codes:', ...lines].join('\n');
}
