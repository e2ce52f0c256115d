import type { EnvironmentVariables } from './interpolate.ts';
import { keyOf } from './positions.ts';
import type { Path, Place, Problem } from './problems.ts';
import { configInvalid } from './problems.ts';
import type { ConfigSource } from './source.ts';
import { engineOfUrl } from './source-schema.ts';

/** Which variable fills which path. */
const variables = new Map<string, string>([
  [keyOf(['databases', 'default', 'url']), 'DATABASE_URL'],
  [keyOf(['databases', 'default', 'path']), 'DATABASE_URL'],
  [keyOf(['databases', 'default', 'schedule']), 'BACKUP_SCHEDULE'],
  [keyOf(['storages', 'main', 'path']), 'BACKUP_DIR'],
  [keyOf(['notifiers', 'slack', 'webhook']), 'SLACK_WEBHOOK_URL'],
]);

/** One database and one storage, without any file. Throws CONFIG_INVALID when there is no DATABASE_URL. */
export function readEnvironmentSource({
  env,
  cwd,
}: {
  env: EnvironmentVariables;
  cwd: string;
}): ConfigSource {
  const url = setOrUndefined(env, 'DATABASE_URL');
  if (url === undefined) throw nothingConfigured();
  const path = setOrUndefined(env, 'BACKUP_DIR') ?? './backups';
  const schedule = setOrUndefined(env, 'BACKUP_SCHEDULE');
  const webhook = setOrUndefined(env, 'SLACK_WEBHOOK_URL');
  return {
    origin: 'environment',
    folder: cwd,
    root: {
      storages: { main: { type: 'local', path } },
      databases: { default: { ...databaseOf(url), ...(schedule !== undefined && { schedule }) } },
      ...(webhook !== undefined && { notifiers: { slack: { type: 'slack', webhook, on: told } } }),
    },
    locate: (at) => placeOf(variables.get(keyOf(at)) ?? at.join('.')),
    problems: unreadable(url),
    whole: new Map(),
    files: new Map(),
  };
}

/** What is told to Slack. */
const told = ['success', 'failure', 'recovery', 'stale'];

const sqliteUrl = /^sqlite:(?:\/\/)?(?<path>.+)$/;

/** By how the URL begins: of any engine that has one, or `sqlite:PATH`. One that nothing reads is left out, and told. */
function databaseOf(url: string): Record<string, string> {
  const path = sqliteUrl.exec(url)?.groups?.path;
  if (path !== undefined) return { engine: 'sqlite', path };
  const engine = engineOfUrl(url);
  return engine ? { engine, url } : { engine: 'postgres' };
}

function unreadable(url: string): Problem[] {
  if (sqliteUrl.test(url) || engineOfUrl(url)) return [];
  const message =
    'begins like no URL that is known; write postgres://, mysql://, mariadb://, redis:// or sqlite:PATH';
  return [{ path: ['databases', 'default', 'url'], message }];
}

/** A variable's value; undefined when it is empty, as compose files leave what is not given. */
export function setOrUndefined(env: EnvironmentVariables, name: string): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === '' ? undefined : value;
}

/** How a message names a variable. */
export function placeOf(variable: string): Place {
  return { line: 0, column: 0, label: `environment: ${variable}` };
}

function nothingConfigured(): Error {
  const missing = { path: ['DATABASE_URL'], message: 'is not set, and there is no backupdata.yaml here' };
  return configInvalid([missing], {
    locate: ([name]: Path) => placeOf(String(name)),
    hint: 'Set DATABASE_URL, or write a backupdata.yaml: `backupdata config example > backupdata.yaml` is a start.',
  });
}
