/** One external program of a pipeline. Never run through a shell; secrets go in env or a 0600 file, never in args. */
export interface Stage {
  /** Absolute path. */
  program: string;
  args: readonly string[];
  /** The program's whole environment; nothing is inherited, so no secret of the worker reaches a program that does not need it. */
  env?: Readonly<Record<string, string>>;
}
