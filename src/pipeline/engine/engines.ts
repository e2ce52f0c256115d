import { BackupDataError } from '../../shared/errors.ts';
import type { Engine } from './engine.ts';

/**
 * A new engine of that name. Keep it for the life of the process: it remembers what it learned of its tools.
 * Only its own code is loaded. FORMAT_UNSUPPORTED for a name that only a manifest of another release can hold.
 */
export async function engineFor(name: string): Promise<Engine> {
  switch (name) {
    case 'postgres':
      return (await import('./postgres/engine.ts')).createPostgresEngine();
    case 'command':
      return (await import('./command/engine.ts')).createCommandEngine();
    case 'redis':
      return (await import('./redis/engine.ts')).createRedisEngine();
    case 'sqlite':
      return (await import('./sqlite/engine.ts')).createSqliteEngine();
    case 'mysql':
    case 'mariadb':
      return (await import('./mysql/engine.ts')).createMysqlEngine(name);
    default:
      throw new BackupDataError('FORMAT_UNSUPPORTED', `this release has no engine "${name}"`, {
        hint: 'Use a newer release of backupdata for this backup.',
      });
  }
}
