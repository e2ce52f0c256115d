import type { Secret } from '../../shared/secret.ts';

/** One external program of a pipeline. Never run through a shell; secrets go in env or files, never in args. */
export interface Stage {
  /** Absolute path. */
  program: string;
  args: readonly string[];
  /** The program's whole environment; nothing is inherited, so no secret of the worker reaches a program that does not need it. */
  env?: Readonly<Record<string, string>>;
  /** Contents that the program reads as `/dev/fd/3`, `/dev/fd/4` and so on: small ones, which have no name on any disk. */
  files?: readonly Secret[];
  /** Values of its environment that must not be shown where the program's words are. */
  secrets?: readonly Secret[];
  /** Open descriptors of this process, given to the program behind its files; the caller closes its own. */
  descriptors?: readonly number[];
  /** 1 to 19: how far it steps back behind other programs. */
  nice?: number;
}
