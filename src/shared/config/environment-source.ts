import type { EnvironmentVariables } from './interpolate.ts';
import { keyOf } from './positions.ts';
import type { Path, Place, Problem } from './problems.ts';
import { configInvalid } from './problems.ts';
import type { ConfigSource } from './source.ts';

/** Variables that other releases read. To ignore one would be a backup that never runs, or a failure that nobody hears of. */
const refused: Readonly<Record<string, string>> = {
  BACKUP_SCHEDULE:
    'this release has no scheduler; unset it and start `backupdata backup --all` by cron or a systemd timer',
  SLACK_WEBHOOK_URL: 'this release sends no notifications; unset it and watch the exit code or the metrics',
};

/** Which variable fills which path. */
const variables = new Map<string, string>([
  [keyOf(['databases', 'default', 'url']), 'DATABASE_URL'],
  [keyOf(['storages', 'main', 'path']), 'BACKUP_DIR'],
]);

/** One database and one storage, without any file. Throws CONFIG_INVALID when there is no DATABASE_URL. */
export function readEnvironmentSource({
  env,
  cwd,
}: {
  env: EnvironmentVariables;
  cwd: string;
}): ConfigSource {
  const problems = refusedVariables(env);
  const url = setOrUndefined(env, 'DATABASE_URL');
  if (url === undefined) throw nothingConfigured(problems);
  const path = setOrUndefined(env, 'BACKUP_DIR') ?? './backups';
  return {
    origin: 'environment',
    folder: cwd,
    root: {
      storages: { main: { type: 'local', path } },
      databases: { default: { engine: 'postgres', url } },
    },
    locate: (at) => placeOf(variables.get(keyOf(at)) ?? at.join('.')),
    problems,
    whole: new Map(),
    files: new Map(),
  };
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

function refusedVariables(env: EnvironmentVariables): Problem[] {
  return Object.entries(refused).flatMap(([name, message]) =>
    setOrUndefined(env, name) === undefined ? [] : [{ path: [name], message }],
  );
}

function nothingConfigured(others: readonly Problem[]): Error {
  const missing = { path: ['DATABASE_URL'], message: 'is not set, and there is no backupdata.yaml here' };
  return configInvalid([missing, ...others], {
    locate: ([name]: Path) => placeOf(String(name)),
    hint: 'Set DATABASE_URL, or write a backupdata.yaml: `backupdata config example > backupdata.yaml` is a start.',
  });
}
