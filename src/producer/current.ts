import type { Resources } from '../pipeline/resources.ts';
import type { Config } from '../shared/config/schema.ts';

/** The configuration as it was last loaded, and what was made of it. */
export interface Loaded {
  config: Config;
  resources: Resources;
}

/** Gives what holds now; a configuration may be loaded anew at any time, so that nothing keeps what this gave for long. */
export type Current = () => Loaded;
