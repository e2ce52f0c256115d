import type { FallbackCompletionFunction } from 'yargs';
import type { Host } from './host.ts';

const flag = '--get-yargs-completions';
const verbsOfDatabases: readonly unknown[] = ['backup', 'list', 'show', 'restore', 'verify', 'prune'];

/** Completes databases' names where a verb takes one, and what yargs knows everywhere. */
export async function createCompletion(host: Host): Promise<FallbackCompletionFunction> {
  // yargs does not wait for a completion, so the names must be there before it asks.
  const databases = host.argv.includes(flag) ? await databaseNames(host) : [];
  return (current, { _: words }: { _: readonly unknown[] }, complete, done) => {
    const takesDatabase = words.length > 2 && verbsOfDatabases.includes(words[1]) && !current.startsWith('-');
    complete((_error, known = []) => {
      // What an option before it may be set to is all that can stand here.
      const choices = known.length > 0 && known.every((each) => !each.startsWith('-'));
      done(takesDatabase && !choices ? [...databases, ...known] : [...known]);
    });
  };
}

/** Empty when the configuration cannot be read: a completion is no place for an error. */
async function databaseNames({ argv, env }: Host): Promise<string[]> {
  const { loadConfig } = await import('../../shared/config/load.ts');
  const { configuredNames } = await import('../../shared/config/servers.ts');
  const at = argv.indexOf('--config');
  try {
    const config = await loadConfig({ file: at === -1 ? undefined : argv[at + 1], env });
    return configuredNames(config);
  } catch {
    return [];
  }
}
