/** Every secret that a process may come to print. It grows with each configuration that is loaded. */
export interface KnownSecrets {
  all(): readonly string[];
  /** Those of a configuration that takes the place of the one before. */
  learn(secrets: readonly string[]): void;
}

/** How many of earlier configurations are still known: what began with them may run for days, but tokens may change by the hour. */
const keptSecrets = 1_000;

/** `fixed` are those that are no configuration's. */
export function createKnownSecrets(first: readonly string[], fixed: readonly string[]): KnownSecrets {
  let loaded = first;
  let earlier: readonly string[] = [];
  let all = [...fixed, ...loaded];
  return {
    all: () => all,
    learn: (secrets) => {
      const now = new Set(secrets);
      const others = [...loaded, ...earlier].filter((secret) => !now.has(secret));
      earlier = [...new Set(others)].slice(0, keptSecrets);
      loaded = secrets;
      all = [...fixed, ...loaded, ...earlier];
    },
  };
}
