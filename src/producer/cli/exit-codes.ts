import { type ErrorDocument, exitCodeOf } from '../../shared/errors.ts';

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

/** The exit code of a command of which some parts failed: theirs where they agree, 1 where they do not, 0 for none. */
export function exitCodeOfAll(failures: readonly Pick<ErrorDocument, 'code'>[]): number {
  const codes = new Set(failures.map(({ code }) => exitCodeOf(code)));
  const [only = 0] = codes;
  return codes.size > 1 ? 1 : only;
}
