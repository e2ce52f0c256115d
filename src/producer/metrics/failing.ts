import type { Config } from '../../shared/config/schema.ts';
import { serverOf } from '../../shared/config/servers.ts';
import type { Freshness } from '../freshness/freshness.ts';
import type { LastRunsByName } from './last-runs.ts';

const lookAtServer = 'discover:';

/** The entries of the configuration whose last run failed, or that of one of their databases, or the look at the server. */
export function failingEntries(options: {
  config: Config;
  runs: LastRunsByName;
  /** A backup in the catalog says that a run was well, even where Redis has forgotten it. */
  freshness: Pick<Freshness, 'get'>;
}): ReadonlySet<string> {
  const { config, runs, freshness } = options;
  const failing = new Set<string>();
  for (const [name, { failedAt, succeededAt }] of runs) {
    const committedAt = freshness.get(name)?.newest?.finishedAt.getTime() ?? 0;
    if (failedAt <= Math.max(succeededAt, committedAt)) continue;
    const entry = entryOf(config, name);
    if (entry !== undefined) failing.add(entry);
  }
  return failing;
}

function entryOf(config: Config, name: string): string | undefined {
  if (name.startsWith(lookAtServer)) return name.slice(lookAtServer.length);
  return config.databases.has(name) ? name : serverOf(config, name)?.template.name;
}
