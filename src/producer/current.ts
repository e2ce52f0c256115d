import type { Resources } from '../pipeline/resources.ts';
import type { Config } from '../shared/config/schema.ts';

/** The configuration as it was last loaded, and what was made of it. */
export interface Loaded {
  config: Config;
  resources: Resources;
}

/** What `Current` gives, and the way to put another in its place. */
export interface Reloadable {
  current: Current;
  /** Calls the listener once another holds. */
  onReload(listener: () => void): void;
  reload(loaded: Loaded): void;
}

export function createReloadable(first: Loaded): Reloadable {
  let loaded = first;
  const listeners: (() => void)[] = [];
  return {
    current: () => loaded,
    onReload: (listener) => void listeners.push(listener),
    reload: (next) => {
      loaded = next;
      for (const listener of listeners) listener();
    },
  };
}

/** Gives what holds now; a configuration may be loaded anew at any time, so that nothing keeps what this gave for long. */
export type Current = () => Loaded;
